"""The reviewed list, by room: the node's own namespace, the pods' namespaces, the datastore, the trials."""

from tests.mutations.reviewed import (
    host_bird,
    host_links,
    host_routes,
    host_rules,
    host_sysctls,
    ipam,
    objects,
    pods,
    settings,
    trials,
)

ENTRIES = (
    *objects.ENTRIES,
    *host_routes.ENTRIES,
    *host_rules.ENTRIES,
    *host_links.ENTRIES,
    *host_sysctls.ENTRIES,
    *host_bird.ENTRIES,
    *pods.ENTRIES,
    *ipam.ENTRIES,
    *settings.ENTRIES,
    *trials.ENTRIES,
)
