"""Attempts to sign in are counted before they are made, in a table that evicts nothing.

A sign-in counts twice: by name and network address, and by name from anywhere within a few minutes, which bounds
guessing from many addresses. A browser in which a person has signed in before counts by itself alone: nobody
elsewhere can shut it out. Every other count ends within minutes too, however long somebody keeps trying.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address, ip_network

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import salted_hmac

from readerstudy.accounts import hashing
from readerstudy.accounts.access import signed_in
from readerstudy.accounts.browsers import known_browser
from readerstudy.accounts.hashing import NotNowError
from readerstudy.accounts.models import Attempts, User
from readerstudy.audit.services import record

FROM_ANYWHERE = 3
"""How many times the attempts of one address all addresses together have at one name."""
ANYWHERE_S = 300
"""Seconds after which they have them again: a person at a new browser waits so long at most."""
LINKS = 3
"""How many links to a new password are mailed to one address in an hour."""
SUBSCRIBER = 64
"""Bits of an IPv6 address that one subscriber shares: within them they may choose addresses as they like."""


class TooManyError(NotNowError):
    """Too much was tried here."""


@dataclass(frozen=True)
class Count:
    """One count: its name in the table, how many attempts it has, and for how many seconds."""

    name: str
    limit: int
    seconds: int


@dataclass
class Limits:
    """The limits on one asker's attempts; the first count is the narrowest one."""

    counts: tuple[Count, ...]
    is_known: bool
    tried: dict[str, int] = field(default_factory=dict)

    def refuse_if_shut(self) -> None:
        """Look up what was tried.

        Raises
        ------
        TooManyError: nothing more may be tried for now.
        """
        now = timezone.now()
        rows = Attempts.objects.filter(name__in=[each.name for each in self.counts], ends_at__gt=now)
        until = {row.name: row.ends_at for row in rows}
        self.tried = {row.name: row.count for row in rows}
        shut = [each.name for each in self.counts if self.tried.get(each.name, 0) >= each.limit]
        if shut:
            raise TooManyError(max((until[name] - now).total_seconds() for name in shut))

    def turn(self) -> AbstractContextManager[None]:
        """Wait for a slot to hash in; the queue depends on who asks, and on what failed here lately.

        Raises
        ------
        BusyError: no place is left; those who come again, and have failed at nothing, have places of their own.
        """
        name = self.counts[0].name
        if self.is_known:
            return hashing.turn(hashing.KNOWN)
        if hashing.has_come_again(name) and not self.tried.get(name):
            return hashing.turn(hashing.RETURNING)
        return _strangers_turn(name)

    @transaction.atomic
    def count(self) -> None:
        """Count an attempt before it is made, so that attempts side by side cannot all be the last one.

        Raises
        ------
        TooManyError: others used the attempts up meanwhile.
        """
        for each in self.counts:
            now, _ = _begun(each.name, each.seconds)
            own = Attempts.objects.filter(name=each.name)
            own.update(count=F("count") + 1)
            row = own.get()
            self.tried[each.name] = row.count
            if row.count == each.limit:  # the pause begins with the last attempt
                own.update(ends_at=now + timedelta(seconds=each.seconds))
            if row.count > each.limit:
                raise TooManyError((row.ends_at - now).total_seconds())

    def take_back(self) -> None:
        """Count the last attempt no more: it was right, and a second factor is still owed."""
        names = [each.name for each in self.counts]
        Attempts.objects.filter(name__in=names, count__gt=0).update(count=F("count") - 1)

    def forget(self) -> None:
        """Forget what was tried here: the asker is who they say."""
        Attempts.objects.filter(name__in=[each.name for each in self.counts]).delete()

    def note_wrong(self) -> None:
        """Note a lock-out, where the attempt that failed was this asker's last one.

        Raises
        ------
        TooManyError: it was.
        """
        narrowest = self.counts[0]
        if self.tried.get(narrowest.name, 0) >= narrowest.limit:
            record("person.locked_out", None)
            raise TooManyError(narrowest.seconds)


def limits_of(request: HttpRequest, name: str, *, codes_of: User | None = None) -> Limits:
    """Return the limits on signing in under a name; with `codes_of`, those of a person's second step.

    Wrong codes are counted by person from anywhere too: only somebody who knows the password gets that far.
    """
    spelled = name.strip().lower()
    limit, pause = settings.SIGN_IN_ATTEMPTS, settings.SIGN_IN_PAUSE_S
    browser = known_browser(request, spelled)
    if browser:
        return Limits((Count(_name("browser", browser, spelled), limit, pause),), is_known=True)
    counts = [
        Count(_name("address", network_of(request), spelled), limit, pause),
        Count(_name("anywhere", spelled), FROM_ANYWHERE * limit, min(pause, ANYWHERE_S)),
    ]
    if codes_of is not None:
        counts.append(Count(_name("codes", str(codes_of.pk)), limit, pause))
    return Limits(tuple(counts), is_known=False)


def link_limits(request: HttpRequest, address: str) -> Limits:
    """Return the limits on links to a new password, whether anyone has the address or not."""
    limit, pause = settings.SIGN_IN_ATTEMPTS, settings.SIGN_IN_PAUSE_S
    sender = Count(_name("links from", network_of(request)), limit, pause)
    return Limits((sender, Count(_name("links to", address.strip().lower()), LINKS, 3600)), is_known=False)


def own_password_fits(request: HttpRequest, password: str) -> bool:
    """Say whether this is the password of anyone who is signed in; wrong ones are counted by session.

    Raises
    ------
    TooManyError: too many wrong ones came in this session.
    """
    name = _name("session", request.session.session_key or "")
    limits = Limits((Count(name, settings.SIGN_IN_ATTEMPTS, settings.SIGN_IN_PAUSE_S),), is_known=True)
    limits.refuse_if_shut()
    with limits.turn():
        limits.count()
        fits = signed_in(request).check_password(password)
    if fits:
        limits.forget()
    else:
        limits.note_wrong()
    return fits


@transaction.atomic
def use_up(*what: str, seconds: int) -> bool:
    """Note that something was used, which is possible once in `seconds`; say whether it was the first time."""
    return _begun(_name(*what), seconds)[1]


def _begun(name: str, seconds: int) -> tuple[datetime, bool]:
    """Make a row for `seconds`, where there is none that counts; return the time, and whether it was made."""
    now = timezone.now()
    Attempts.objects.filter(ends_at__lte=now).delete()
    defaults = {"ends_at": now + timedelta(seconds=seconds)}
    return now, Attempts.objects.get_or_create(name=name, defaults=defaults)[1]


@contextmanager
def _strangers_turn(name: str) -> Iterator[None]:
    try:
        with hashing.turn(hashing.STRANGERS):
            yield
    except hashing.BusyError:
        hashing.remember(name)
        raise


def _name(*what: str) -> str:
    return salted_hmac("attempts", "\0".join(what), algorithm="sha256").hexdigest()


def network_of(request: HttpRequest) -> str:
    """Return the sender's address, of IPv6 the /64 network; "" where there is none, as on a socket of this host.

    Each of the FORWARDED_HOPS proxies in front has added one address to X-Forwarded-For, on the right; what is
    further left is the sender's own word. A header that is shorter did not come through all of them.
    """
    sender = request.META.get("REMOTE_ADDR", "")
    hops: int = settings.FORWARDED_HOPS
    if hops:
        came = [each.strip() for each in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")]
        if len(came) >= hops:
            return _network(came[-hops]) or _network(sender)
    return _network(sender)


def _network(text: str) -> str:
    try:
        address = ip_address(_without_port(text).partition("%")[0])
    except ValueError:
        return ""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is None:
        return str(ip_network((address, SUBSCRIBER), strict=False))
    return str(getattr(address, "ipv4_mapped", None) or address)


def _without_port(text: str) -> str:
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text
