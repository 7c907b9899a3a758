"""Containers as processes: in their node's namespaces, seeing of the host what they mount, with their capabilities.

Every process is killed with the server that started it, however that ends (PR_SET_PDEATHSIG, and the kernel's rule that
a PID namespace ends with its first process). Where no lab is up beside the server, containers run in the server's own
namespaces. Commands are those of util-linux: setpriv, nsenter, unshare.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from lab.processes import MARK
from lab.tools import SYSTEM_PATH

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lab.objects import Json

# What a node has to itself; a container sees it only if it mounts it.
_HOST_PATHS = ("/run/calico", "/var/lib/calico", "/etc/cni/net.d")
_DEFAULT_CAPABILITIES = (  # containerd's
    "audit_write", "chown", "dac_override", "fowner", "fsetid", "kill", "mknod", "net_bind_service", "net_raw",
    "setfcap", "setgid", "setpcap", "setuid", "sys_chroot",
)  # fmt: skip
# Hides or makes read-only what it is told to, says so on descriptor 0 (the write end of a pipe), becomes the command.
_SCRIPT = """set -e
while [ "$1" != -- ]; do
  case "$1" in
    hide) mount -t tmpfs -o ro,mode=755 hidden "$2" ;;
    bind) mount --bind "$3" "$2" ;;
    readonly) mount -o remount,bind,ro "$2" ;;
  esac
  shift 3
done
shift
echo ready >&0
exec </dev/null
exec "$@"
"""
_KILLED_WITH_SERVER = ("setpriv", "--pdeathsig", "KILL")
PRIVATE = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")


class StartError(Exception):
    """The container cannot be started; the text is the runtime's."""


class Place(msgspec.Struct, frozen=True):
    """Where a container runs. `node`: the process that holds the node's mount namespace, None without a lab.

    `net`: the file of a network namespace of its own, "" for the node's. `private`: it has its own PID namespace.
    `setup`: words for the script, by threes. `capabilities`: None for all.
    """

    node: int | None
    net: str = ""
    private: bool = False
    setup: tuple[str, ...] = ()
    capabilities: tuple[str, ...] | None = None
    escalation: bool = True
    user: int = 0

    def narrowed(self, command: Sequence[str]) -> list[str]:
        """The command behind what takes privileges away."""
        if os.geteuid() or (self.capabilities is None and self.escalation and not self.user):
            return list(command)
        options = list(_KILLED_WITH_SERVER)  # a change of user forgets the one set before
        if self.capabilities is not None:
            options.append(f"--bounding-set={','.join(['-all', *(f'+{each}' for each in self.capabilities)])}")
        options += [] if self.escalation else ["--no-new-privs"]
        if self.user:
            options += [f"--reuid={self.user}", f"--regid={self.user}", "--clear-groups", "--inh-caps=-all"]
        return [*options, "--", *command]


def place(pod: Json, container: Json, node: int | None, net: str, confined: str = "") -> Place:
    """Where a container of the pod runs. StartError for a mount that the lab cannot make.

    `confined`: what confines containers on the node, "apparmor" or "selinux": whoever does not ask to be spared may not
    look into other processes.
    """
    spec, context = pod["spec"], container.get("securityContext") or {}
    setup = [] if node is None else _mounts(spec, container, node)
    if context.get("readOnlyRootFilesystem") and node is not None:
        setup += ["readonly", "/", ""]
    user = context.get("runAsUser", (spec.get("securityContext") or {}).get("runAsUser", 0))
    capabilities = capabilities_of(context)
    if confined and not _spared(confined, pod, container) and capabilities is not None:
        capabilities = tuple(each for each in capabilities if each != "sys_ptrace")
    return Place(
        node=node,
        net=net,
        private=not spec.get("hostPID", False) and os.geteuid() == 0,
        setup=tuple(setup),
        capabilities=capabilities,
        escalation=context.get("allowPrivilegeEscalation", True),
        user=user,
    )


def _spared(confined: str, pod: Json, container: Json) -> bool:
    contexts = [holder.get("securityContext") or {} for holder in (container, pod["spec"])]
    if confined == "selinux":
        return any((context.get("seLinuxOptions") or {}).get("type") == "spc_t" for context in contexts)
    note = f"container.apparmor.security.beta.kubernetes.io/{container['name']}"
    asked = (pod["metadata"].get("annotations") or {}).get(note) == "unconfined"
    return asked or any((context.get("appArmorProfile") or {}).get("type") == "Unconfined" for context in contexts)


def missing(pod: Json, node: int | None) -> str:
    """The kubelet's words for a host folder that must be there and is not; "" if there is none."""
    for volume in pod["spec"].get("volumes") or []:
        folder: Json = volume.get("hostPath") or {}
        if node is None or folder.get("type") != "Directory":
            continue
        if not Path(f"/proc/{node}/root{os.path.realpath(folder['path'])}").is_dir():  # links lead out of there
            why = f"hostPath type check failed: {folder['path']} is not a directory"
            return f'MountVolume.SetUp failed for volume "{volume["name"]}" : {why}'
    return ""


def _mounts(spec: Json, container: Json, node: int) -> list[str]:
    """What the script is to do: threes of a word, a target and a source."""
    paths = {each["name"]: each["hostPath"]["path"] for each in spec.get("volumes") or [] if "hostPath" in each}
    setup, shown = [], []
    for mount in container.get("volumeMounts") or []:
        if mount["name"] not in paths:
            continue
        source, target = os.path.realpath(paths[mount["name"]]), os.path.realpath(mount["mountPath"])
        if source != target and not Path(f"/proc/{node}/root{target}").is_dir():
            raise StartError(
                f"failed to generate container spec: the lab mounts {source} at folders it has: not {target}"
            )
        shown.append(target.rstrip("/") + "/")
        read_only = mount.get("readOnly") and source in _HOST_PATHS
        setup += ["bind", target, source] if source != target or read_only else []
        setup += ["readonly", target, ""] if read_only else []
    for path in _HOST_PATHS:
        if not any(f"{path}/".startswith(target) for target in shown):
            setup += ["hide", path, ""]
    return setup


def capabilities_of(context: Json) -> tuple[str, ...] | None:
    """The capabilities that a container keeps; None for all."""
    if context.get("privileged"):
        return None
    given = context.get("capabilities") or {}
    added, dropped = (
        {name.lower().removeprefix("cap_") for name in given.get(which) or []} for which in ("add", "drop")
    )
    if "all" in added:
        return None
    kept = set() if "all" in dropped else set(_DEFAULT_CAPABILITIES) - dropped
    return tuple(sorted(kept | added))


def environment(pod: Json, container: Json) -> dict[str, str]:
    """What a container's processes have: nothing of the server's but the lab's mark, by which `down` finds them."""
    meta, spec, status = pod["metadata"], pod["spec"], pod["status"]
    fields = {
        "metadata.name": meta["name"],
        "metadata.namespace": meta.get("namespace", ""),
        "metadata.uid": meta["uid"],
        "spec.nodeName": spec.get("nodeName", ""),
        "spec.serviceAccountName": spec.get("serviceAccountName", ""),
        "status.hostIP": status.get("hostIP", ""),
        "status.podIP": status.get("podIP", ""),
    }
    made = {
        "PATH": SYSTEM_PATH,
        "HOME": "/root",
        "HOSTNAME": spec.get("nodeName", "") if spec.get("hostNetwork") else meta["name"],
        "KUBERNETES_SERVICE_HOST": "10.96.0.1",
        "KUBERNETES_SERVICE_PORT": "443",
    }
    for variable in container.get("env") or []:
        field = ((variable.get("valueFrom") or {}).get("fieldRef") or {}).get("fieldPath", "")
        made[variable["name"]] = variable.get("value") or fields.get(field, "")
    return made | ({MARK: os.environ[MARK]} if MARK in os.environ else {})


def lookup(command: Sequence[str], *, python: bool) -> str:
    """Why the runtime cannot run the command, in runc's words; "" if it can. `python`: the image has python3."""
    program = command[0]
    named = program.rpartition("/")[2]
    if (python or not named.startswith("python")) and shutil.which(program, path=SYSTEM_PATH):
        return ""
    why = f"stat {program}: no such file or directory" if "/" in program else "executable file not found in $PATH"
    return f'exec: "{program}": {why}'


class Container:
    """One start of a container: its first process, and those that exec put beside it."""

    def __init__(self, where: Place, process: asyncio.subprocess.Process, pid: int) -> None:
        self.place = where
        self.pid = pid
        self._process = process
        self._beside: set[asyncio.subprocess.Process] = set()

    async def wait(self) -> int:
        """Its exit code, 128 and the signal's number if one killed it; nothing of it runs any more then."""
        code = await self._process.wait()
        _kill_group(self._process.pid)  # what it left in its group, at once: later the number may be another's
        self.kill()
        return code if code >= 0 else 128 - code

    def terminate(self) -> None:
        """Ask its first process to end."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        """End all of its processes."""
        for process in (self._process, *self._beside):
            kill_group(process)

    async def run(self, command: Sequence[str], env: Mapping[str, str], stdin: bool) -> asyncio.subprocess.Process:
        """Start another process in it: exec."""
        inside: list[str] = []
        if self.place.node is not None or self.place.private:
            inside = ["nsenter", f"--target={self.pid}", "--mount", "--net", "--"]
            if self.place.private:
                inside.insert(2, "--pid")
        argv = [*_KILLED_WITH_SERVER, *inside, *self.place.narrowed(command)]
        process = await exec_process(argv, env, stdin)
        self._beside = {each for each in self._beside if each.returncode is None} | {process}
        return process


async def start(where: Place, command: Sequence[str], env: Mapping[str, str], log: Path) -> Container:
    """Start a container; returns when its command runs. StartError with what went wrong."""
    argv = list(_KILLED_WITH_SERVER)
    if where.node is not None:
        argv += ["nsenter", f"--target={where.node}", "--mount", f"--net={where.net}" if where.net else "--net"]
        argv += ["--", *(PRIVATE if where.private else ("unshare", "--mount"))]
    elif where.private:
        argv += PRIVATE
    argv += ["sh", "-c", _SCRIPT, "container", *where.setup, "--", *where.narrowed(command)]
    log.parent.mkdir(parents=True, exist_ok=True)
    read_end, write_end = os.pipe2(os.O_CLOEXEC)
    try:
        try:
            with log.open("ab") as output:
                process = await asyncio.create_subprocess_exec(
                    *argv, stdin=write_end, stdout=output, stderr=output, env=dict(env), start_new_session=True
                )
        finally:
            os.close(write_end)
        try:
            told = await asyncio.to_thread(os.read, read_end, 16)
        except asyncio.CancelledError:  # the pod is not wanted any more
            kill_group(process)
            raise
    finally:
        os.close(read_end)
    if told.strip() != b"ready":
        kill_group(process)
        await process.wait()
        said = log.read_text(errors="replace").strip().rpartition("\n")[2]
        raise StartError(f"failed to create containerd task: {said or 'it ended before its command ran'}")
    return Container(where, process, _first(process.pid) if where.private else process.pid)


async def exec_process(argv: Sequence[str], env: Mapping[str, str], stdin: bool) -> asyncio.subprocess.Process:
    """A process with its three streams as pipes (standard input only if wanted), in a session of its own."""
    return await asyncio.create_subprocess_exec(
        *argv,
        stdin=asyncio.subprocess.PIPE if stdin else asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=dict(env),
        start_new_session=True,
        limit=1 << 16,
    )


def kill_group(process: asyncio.subprocess.Process) -> None:
    """Kill a process that runs with all of its group."""
    if process.returncode is None:
        _kill_group(process.pid)


def _kill_group(pid: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _first(pid: int) -> int:
    """The one child of an `unshare --fork`: the first process of the new PID namespace; `pid` if it has ended."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return pid
    return int(children[0]) if children else pid
