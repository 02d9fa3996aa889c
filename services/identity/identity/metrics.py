"""What identity counts. Nothing here tells one person or government from another."""

from prometheus_client import Counter

CODES = Counter("identity_codes_total", "One-time codes, by what became of them", ("outcome",))
SIGN_INS = Counter("identity_sign_ins_total", "Sign-ins by code, by outcome", ("outcome",))
REFRESHES = Counter("identity_refreshes_total", "Refresh tokens presented, by outcome", ("outcome",))
