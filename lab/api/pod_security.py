"""Pod Security admission: the levels baseline and restricted, worded as the API server words them.

pod-security-admission/policy of Kubernetes 1.34, for Linux pods: the checks that a pod of a diagnosis can meet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from lab.objects import Json

Level = Literal["privileged", "baseline", "restricted"]
LABEL = "pod-security.kubernetes.io/"
_DEFAULT_CAPABILITIES = {
    "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "SETFCAP",
    "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
}  # fmt: skip
_SELINUX_TYPES = ("", "container_t", "container_init_t", "container_kvm_t", "container_engine_t")
_FREE_VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected"}


def violations(level: str, spec: Json) -> str:
    """What a pod's spec violates, as one text: "" if nothing."""
    checks: Iterable[Callable[[Json], str]] = ()
    if level == "baseline":
        checks = (
            _apparmor, _default_capabilities, _host_namespaces, _host_paths, _host_ports, _privileged, _selinux,
            _unconfined,
        )  # fmt: skip
    elif level == "restricted":
        checks = (
            _apparmor, _host_namespaces, _host_ports, _privileged, _selinux, _escalation, _dropped_capabilities,
            _volume_types, _non_root, _root_user, _seccomp,
        )  # fmt: skip
    return ", ".join(told for check in checks if (told := check(spec)))


def forbidden(level: str, spec: Json) -> str:
    """`violates PodSecurity …`, or "" if the level lets the pod in."""
    told = violations(level, spec)
    return f'violates PodSecurity "{level}:latest": {told}' if told else ""


def _containers(spec: Json) -> list[Json]:
    return [*(spec.get("initContainers") or []), *(spec.get("containers") or [])]


def _context(holder: Json) -> Json:
    found: Json = holder.get("securityContext") or {}
    return found


def _named(names: Iterable[str], word: str = "container") -> str:
    """`container "a"`, `containers "a", "b"`."""
    listed = [f'"{name}"' for name in names]
    return f"{word}{'s' if len(listed) > 1 else ''} {', '.join(listed)}"


def _where(pod: bool, names: list[str]) -> str:
    who = ["pod"] if pod else []
    return " and ".join([*who, *([_named(names)] if names else [])])


def _names(spec: Json, wrong: Callable[[Json], object]) -> list[str]:
    return [container["name"] for container in _containers(spec) if wrong(_context(container))]


def _apparmor(spec: Json) -> str:
    def unconfined(context: Json) -> bool:
        return (context.get("appArmorProfile") or {}).get("type") == "Unconfined"

    pod, names = unconfined(_context(spec)), _names(spec, unconfined)
    if not pod and not names:
        return ""
    return f'forbidden AppArmor profile ({_where(pod, names)} must not set AppArmor profile type to "Unconfined")'


def _added(context: Json) -> list[str]:
    found: list[str] = (context.get("capabilities") or {}).get("add") or []
    return found


def _host_namespaces(spec: Json) -> str:
    found = [f"{name}=true" for name in ("hostNetwork", "hostPID", "hostIPC") if spec.get(name)]
    return f"host namespaces ({', '.join(found)})" if found else ""


def _host_paths(spec: Json) -> str:
    found = [volume["name"] for volume in spec.get("volumes") or [] if "hostPath" in volume]
    return f"hostPath volumes ({_named(found, 'volume')})" if found else ""


def _host_ports(spec: Json) -> str:
    names, ports = [], []
    for container in _containers(spec):
        here = [str(port["hostPort"]) for port in container.get("ports") or [] if port.get("hostPort")]
        names += [container["name"]] if here else []
        ports += here
    word = "hostPorts" if len(ports) > 1 else "hostPort"
    return f"hostPort ({_named(names)} uses {word} {', '.join(ports)})" if ports else ""


def _privileged(spec: Json) -> str:
    names = _names(spec, lambda context: context.get("privileged"))
    return f"privileged ({_named(names)} must not set securityContext.privileged=true)" if names else ""


def _selinux(spec: Json) -> str:
    def options(context: Json) -> Json:
        found: Json = context.get("seLinuxOptions") or {}
        return found

    def wrong(context: Json) -> list[str]:
        given = options(context)
        kind = given.get("type", "")
        told = [f'type "{kind}"'] if kind not in _SELINUX_TYPES else []
        return told + [f'{name} may not be set: "{given[name]}"' for name in ("user", "role") if given.get(name)]

    pod, names = wrong(_context(spec)), _names(spec, wrong)
    told = [*pod, *(each for container in _containers(spec) for each in wrong(_context(container)))]
    unique = ", ".join(dict.fromkeys(told))
    where = _where(bool(pod), names)
    return f"seLinuxOptions ({where} set forbidden securityContext.seLinuxOptions: {unique})" if told else ""


def _unconfined(spec: Json) -> str:
    def unconfined(context: Json) -> bool:
        return (context.get("seccompProfile") or {}).get("type") == "Unconfined"

    pod, names = unconfined(_context(spec)), _names(spec, unconfined)
    if not pod and not names:
        return ""
    return f'seccompProfile ({_where(pod, names)} must not set securityContext.seccompProfile.type to "Unconfined")'


def _default_capabilities(spec: Json) -> str:
    def wrong(context: Json) -> list[str]:
        return [name for name in _added(context) if name not in _DEFAULT_CAPABILITIES]

    names = _names(spec, wrong)
    added = sorted({name for container in _containers(spec) for name in wrong(_context(container))})
    listed = ", ".join(f'"{name}"' for name in added)
    where = _named(names)
    return (
        f"non-default capabilities ({where} must not include {listed} in securityContext.capabilities.add)"
        if names
        else ""
    )


def _escalation(spec: Json) -> str:
    names = _names(spec, lambda context: context.get("allowPrivilegeEscalation") is not False)
    told = "must set securityContext.allowPrivilegeEscalation=false"
    return f"allowPrivilegeEscalation != false ({_named(names)} {told})" if names else ""


def _dropped_capabilities(spec: Json) -> str:
    def kept(context: Json) -> bool:
        return "ALL" not in ((context.get("capabilities") or {}).get("drop") or [])

    def wrong(context: Json) -> list[str]:
        return [name for name in _added(context) if name != "NET_BIND_SERVICE"]

    told = []
    if names := _names(spec, kept):
        told.append(f'{_named(names)} must set securityContext.capabilities.drop=["ALL"]')
    if names := _names(spec, wrong):
        added = sorted({name for container in _containers(spec) for name in wrong(_context(container))})
        listed = ", ".join(f'"{name}"' for name in added)
        told.append(f"{_named(names)} must not include {listed} in securityContext.capabilities.add")
    return f"unrestricted capabilities ({'; '.join(told)})" if told else ""


def _volume_types(spec: Json) -> str:
    wrong: dict[str, str] = {}
    for volume in spec.get("volumes") or []:
        kinds = [kind for kind in volume if kind != "name" and kind not in _FREE_VOLUMES]
        if kinds:
            wrong[volume["name"]] = kinds[0]
    if not wrong:
        return ""
    kinds = sorted(set(wrong.values()))
    listed = ", ".join(f'"{kind}"' for kind in kinds)
    verb, word = ("use" if len(wrong) > 1 else "uses"), ("types" if len(kinds) > 1 else "type")
    return f"restricted volume types ({_named(wrong, 'volume')} {verb} restricted volume {word} {listed})"


def _non_root(spec: Json) -> str:
    pod = _context(spec).get("runAsNonRoot")
    refused = _names(spec, lambda context: context.get("runAsNonRoot") is False)
    if refused or pod is False:
        told = "must not set securityContext.runAsNonRoot=false"
        return f"runAsNonRoot != true ({_where(pod is False, refused)} {told})"
    names = _names(spec, lambda context: context.get("runAsNonRoot") is None)
    if pod or not names:
        return ""
    return f"runAsNonRoot != true (pod or {_named(names)} must set securityContext.runAsNonRoot=true)"


def _root_user(spec: Json) -> str:
    pod, names = _context(spec).get("runAsUser") == 0, _names(spec, lambda context: context.get("runAsUser") == 0)
    return f"runAsUser=0 ({_where(pod, names)} must not set runAsUser=0)" if pod or names else ""


def _seccomp(spec: Json) -> str:
    right = ("RuntimeDefault", "Localhost")
    told = 'must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"'

    def kind(context: Json) -> str | None:
        found: str | None = (context.get("seccompProfile") or {}).get("type")
        return found

    pod = kind(_context(spec))
    refused = _names(spec, lambda context: kind(context) not in (None, *right))
    if refused or pod not in (None, *right):
        return _unconfined(spec)
    names = _names(spec, lambda context: kind(context) is None)
    if pod or not names:
        return ""
    return f"seccompProfile (pod or {_named(names)} {told})"
