"""`make logins`: the log-ins that the first start drew."""

import sys

from deploy.instance import logins_read


def main() -> int:
    from config import settings

    logins = logins_read(settings.HOME / "logins.json")
    if not logins:
        print(f"tiebreak: no log-ins in {settings.HOME}; the first `make up` draws them.", file=sys.stderr)
        return 1
    for role, login in logins.items():
        print(f"{role:<6} {login['username']}  {login['password']}")
    print("These are the first passwords. To set a new one: .venv/bin/python manage.py changepassword NAME")
    return 0


if __name__ == "__main__":
    sys.exit(main())
