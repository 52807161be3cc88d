"""Headers by which browsers take answers for nothing but what they are."""

Headers = list[tuple[str, str]]

POLICY = "Content-Security-Policy"
SECURITY = [("X-Content-Type-Options", "nosniff"), ("Referrer-Policy", "no-referrer")]
SECURITY_OF_DATA = [*SECURITY, (POLICY, "default-src 'none'; frame-ancestors 'none'")]


def has_policy(headers: Headers) -> bool:
    """Tell whether an answer has a policy of its own."""
    return any(name == POLICY for name, _ in headers)
