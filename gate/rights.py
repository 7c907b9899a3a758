"""All rights that are missing, at once: a user who adds what is told is not told more the next time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fixtures.errors import ToldError
from fixtures.permissions import LABELS, Lacking
from fixtures.preflight import missing

if TYPE_CHECKING:
    from fixtures.api import Api
    from fixtures.permissions import NotAllowedError
    from fixtures.reach.protocol import Reach
    from gate.choose import Wanted


def whole(error: NotAllowedError, api: Api, reach: Reach, wanted: Wanted) -> NotAllowedError:
    """What may not be listed, with what the way in and the selection ask beside it; where that cannot be told, the
    error as it is."""
    try:
        labels = missing(api, (LABELS,), "") if wanted.by_namespace_labels else ()
        return error.and_also(Lacking(labels), *reach.lacking())
    except ToldError:
        return error
