"""What a real reader makes of every file of a folder: `readers.py READER FOLDER READERS`.

Prints JSON: `{"reader": "name@version", "loads": …, "answers": {file: {variable: value} or null}}`.
A reader that loads answers with the environment of a process afterwards, one that parses with the
variables of the file. A reader that is not there is `{"absent": why}`.
"""

import base64
import ctypes
import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile

BASE = {"PARENT": "from-parent", "EMPTY": ""}


class Absent(Exception):
    pass


def program(name, readers):
    folders = [f"{readers}/venv/bin", f"{readers}/more/node_modules/.bin", os.environ["PATH"]]
    found = shutil.which(name, path=os.pathsep.join(folders))
    if not found:
        raise Absent(f"{name} is not installed")
    return found


def version_of(path, expected):
    """Another version may read otherwise; what we know is about this one."""
    first = text(subprocess.run([path, "--version"], stdout=subprocess.PIPE).stdout.split(b"\n")[0])
    if expected not in first:
        raise Absent(f"{first or path} is not {expected}")
    return path


def library(path, *functions):
    try:
        library = ctypes.CDLL(path)
    except OSError:
        raise Absent(f"{path} is not installed") from None
    for function in functions:
        if not hasattr(library, function):
            raise Absent(f"{path} has no {function}")
    return library


def module(name):
    try:
        return __import__(name)
    except ImportError:
        raise Absent(f"the Python package {name} is not installed") from None


def run(arguments, **more):
    """Runs a command whose environment has next to nothing; its output, or None when it fails."""
    done = subprocess.run(
        arguments,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        timeout=20,
        **{"env": {**BASE, "PATH": "/nowhere"}, **more},
    )
    return done.stdout if done.returncode == 0 else None


def text(value):
    return value.decode("utf-8", "replace")


def printed(output, *not_of_the_file):
    """The variables that `env -0` printed."""
    if output is None:
        return None
    pairs = (text(line).partition("=") for line in output.split(b"\0") if line)
    return {name: value for name, _, value in pairs if not name.startswith(not_of_the_file)}


def python_dotenv(readers):
    module("dotenv")
    import importlib.metadata
    import logging

    from dotenv import dotenv_values

    logging.disable(logging.CRITICAL)
    return f"python-dotenv@{importlib.metadata.version('python-dotenv')}", False, lambda path: dict(
        dotenv_values(path)
    )


def python_dotenv_load(readers):
    module("dotenv")
    import logging

    from dotenv import load_dotenv

    logging.disable(logging.CRITICAL)

    def read(path):
        os.environ.clear()
        os.environ.update(BASE)
        load_dotenv(path)
        return dict(os.environ)

    return "python-dotenv@load", True, read


def python_decouple(readers):
    module("decouple")
    from decouple import RepositoryEnv

    return "python-decouple", False, lambda path: RepositoryEnv(path).data


def django_environ(readers):
    module("environ")
    import logging

    from environ import Env

    logging.disable(logging.CRITICAL)

    def read(path):
        os.environ.clear()
        os.environ.update(BASE)
        Env.read_env(path)
        return dict(os.environ)

    return "django-environ", True, read


def sh(readers):
    bash = version_of(program("bash", readers), "version 5.")
    # An error may end the shell; what it has by then is what counts.
    script = "trap 'exec /usr/bin/env -0' EXIT\nset -a\n. \"$0\" >&2\n"

    def read(path):
        with tempfile.TemporaryDirectory() as folder:
            output = run([bash, "-c", script, path], cwd=folder)
        return printed(output, "PWD", "OLDPWD", "SHLVL", "_", "PATH")

    return "sh", True, read


def make(readers):
    make = version_of(program("make", readers), "GNU Make 4.")

    def read(path):
        with tempfile.TemporaryDirectory() as folder:
            with open(f"{folder}/rules", "w") as rules:
                rules.write(f"include {path}\nexport\nall-of-it:\n\t@/usr/bin/env -0\n")
            output = run([make, "-s", "-f", "rules", "all-of-it"], cwd=folder)
        return printed(output, "MAKE", "MFLAGS", "CURDIR", "GNUMAKEFLAGS", "PATH")

    return "make", True, read


def systemd(readers):
    found = glob.glob("/usr/lib/*/systemd/libsystemd-shared-*.so")
    if not found:
        raise Absent("libsystemd-shared is not installed")
    version = found[0].rsplit("-", 1)[1].split(".")[0]
    shared = library(found[0], "load_env_file", "strv_env_clean_with_callback")
    shared.strv_env_clean_with_callback.restype = ctypes.POINTER(ctypes.c_char_p)

    def read(path):
        pairs = ctypes.POINTER(ctypes.c_char_p)()
        if shared.load_env_file(None, path.encode(), ctypes.byref(pairs)) < 0:
            return None
        variables = {}
        if pairs:
            pairs = shared.strv_env_clean_with_callback(pairs, None, None)
            for index in range(sys.maxsize):
                if pairs[index] is None:
                    break
                name, _, value = pairs[index].partition(b"=")
                variables[text(name)] = text(value)
        return variables

    return f"systemd@{version}", False, read


def pam(readers):
    if not glob.glob("/usr/lib/*/security/pam_env.so"):
        raise Absent("pam_env is not installed")
    shared = library("libpam.so.0", "pam_start_confdir", "pam_getenvlist")
    shared.pam_getenvlist.restype = ctypes.POINTER(ctypes.c_char_p)
    conversation = (ctypes.c_void_p * 2)()

    def read(path):
        with tempfile.TemporaryDirectory() as folder:
            with open(f"{folder}/stalekey", "w") as service:
                service.write(
                    "session required pam_env.so readenv=1 user_readenv=0 "
                    f"conffile=/dev/null envfile={path}\n"
                )
            handle = ctypes.c_void_p()
            started = shared.pam_start_confdir(
                b"stalekey", b"root", conversation, folder.encode(), ctypes.byref(handle)
            )
            if started != 0:
                raise Absent("PAM does not start a session here")
            shared.pam_open_session(handle, 0)
            pairs = shared.pam_getenvlist(handle)
            variables = {}
            for index in range(sys.maxsize):
                if pairs[index] is None:
                    break
                name, _, value = pairs[index].partition(b"=")
                variables[text(name)] = text(value)
            shared.pam_end(handle, 0)
        return variables

    return "pam", False, read


def kubectl(readers):
    kubectl = program("kubectl", readers)
    create = [kubectl, "create", "secret", "generic", "x", "--dry-run=client", "-o", "json"]

    def read(path):
        output = run([*create, f"--from-env-file={path}"])
        if output is None:
            return None
        data = json.loads(output).get("data") or {}
        return {name: text(base64.b64decode(value)) for name, value in data.items()}

    return "kubectl", False, read


def uv(readers):
    uv = program("uv", readers)
    environment = {**BASE, "PATH": f"{readers}/venv/bin", "UV_PYTHON_DOWNLOADS": "never"}

    def read(path):
        command = [uv, "run", "--no-project", "--env-file", path, "--", "/usr/bin/env", "-0"]
        return printed(run(command, env=environment), "UV", "VIRTUAL_ENV", "PATH")

    return "uv", True, read


def bun(readers):
    bun = program("bun", readers)
    show = "process.stdout.write(JSON.stringify(process.env))"

    def read(path):
        output = run([bun, f"--env-file={path}", "-e", show])
        return output and {
            name: value for name, value in json.loads(output).items() if name != "PATH"
        }

    return "bun", True, read


def deno(readers):
    deno = program("deno", readers)
    show = "console.log(JSON.stringify(Deno.env.toObject()))"

    def read(path):
        output = run([deno, "eval", f"--env-file={path}", show], env={**BASE, "DENO_DIR": "/nowhere"})
        return output and {
            name: value
            for name, value in json.loads(output).items()
            if not name.startswith(("DENO", "PATH"))
        }

    return "deno", True, read


READERS = {
    "python-dotenv": python_dotenv,
    "python-dotenv@load": python_dotenv_load,
    "python-decouple": python_decouple,
    "django-environ": django_environ,
    "sh": sh,
    "make": make,
    "systemd": systemd,
    "pam": pam,
    "kubectl": kubectl,
    "uv": uv,
    "bun": bun,
    "deno": deno,
}


def main():
    name, folder, readers = sys.argv[1:]
    try:
        reader, loads, read = READERS[name](readers)
    except Absent as absent:
        return {"absent": str(absent)}
    os.environ.clear()
    os.environ.update(BASE)
    answers = {}
    for file in os.listdir(folder):
        try:
            answers[file] = read(os.path.join(folder, file))
        except Absent as absent:
            return {"absent": str(absent)}
        except Exception:
            answers[file] = None
    return {"reader": reader, "loads": loads, "answers": answers}


print(json.dumps(main()))
