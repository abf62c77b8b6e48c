"""A pinentry that answers by a script.  A program of its own: gpg-agent starts it.

``pinentry.py FOLDER``: FOLDER/pins.json is an object of description parts to PINs, the first that
occurs in a request's description wins, null cancels, also where gpg-agent asks for a card.  A list
has one for each time, and cancels after its end.  What gpg-agent wants repeated is repeated, unless
the object has a part of its own for that.
FOLDER/prompts.jsonl gets one object for each request: kind, description, prompt, error.  PINs are
not logged.

If there is FOLDER/pinpad.json, the user who is sent to the pinpad goes there: ``line`` is written
to ``pipe`` once the message is logged, and the message stays until gpg-agent takes it away.
"""

import json
import signal
import sys
from pathlib import Path
from urllib.parse import unquote

#: Stands in the object for what was given last; no description has this in it.
LAST = "\0last"

CANCELED = "ERR 83886179 Operation cancelled <Pinentry>"


def answer(folder: Path, kind: str, texts: dict[str, str]) -> list[str]:
    """Log one request and return the lines to send."""
    shown = {"kind": kind, **{word: texts.get(word, "") for word in ("desc", "prompt", "error")}}
    with (folder / "prompts.jsonl").open("a") as log:
        log.write(json.dumps(shown) + "\n")
    pin = chosen(folder, shown["desc"])
    if pin is None or (kind == "GETPIN" and not pin):
        return [CANCELED]
    return [f"D {pin}", "OK"] if kind == "GETPIN" else ["OK"]


def chosen(folder: Path, desc: str) -> str | None:
    """Return the PIN for a description, and note that it was given."""
    pins = json.loads((folder / "pins.json").read_text())
    repeated = desc.startswith("Repeat") and "Repeat" not in pins
    part = LAST if repeated else next((part for part in pins if part in desc), "")
    pin: str | list[str | None] | None = pins.get(part, "")
    if isinstance(pin, list):
        pins[part] = pin[1:]
        pin = pin[0] if pin else None
    # One pinentry after the other is started: what the next one needs to know is in the folder.
    (folder / "pins.json").write_text(json.dumps({**pins, LAST: pin}))
    return pin


def go_to_pinpad(folder: Path) -> None:
    """Type there, then leave the message on the screen: gpg-agent ends this program."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    user = json.loads((folder / "pinpad.json").read_text())
    with Path(user["pipe"]).open("w") as pipe:
        pipe.write(user["line"] + "\n")
    sys.stdin.read()


def main() -> None:
    """Serve one gpg-agent on stdin and stdout."""
    folder = Path(sys.argv[1])
    texts: dict[str, str] = {}
    print("OK Pleased to meet you", flush=True)
    for line in sys.stdin:
        command, _, argument = line.rstrip("\n").partition(" ")
        if command in ("SETDESC", "SETPROMPT", "SETERROR"):
            texts[command.removeprefix("SET").lower()] = unquote(argument)
        lines = ["OK"]
        if command in ("GETPIN", "CONFIRM", "MESSAGE"):
            lines = answer(folder, command, texts)
            if "pinpad" in texts.get("desc", "") and (folder / "pinpad.json").exists():
                go_to_pinpad(folder)
            texts.pop("error", None)
        elif command == "GETINFO" and argument == "pid":
            lines = ["D 1", "OK"]
        print(*lines, sep="\n", flush=True)
        if command == "BYE":
            return


if __name__ == "__main__":
    main()
