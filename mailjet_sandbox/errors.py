"""The documented errors and their flat envelope."""

from __future__ import annotations

from dataclasses import dataclass

from mailjet_sandbox.wire import Response, json_response


@dataclass(eq=False, slots=True)
class Problem(Exception):  # noqa: N818 (it is the content of an answer as well)
    """Why a request is refused; `code` and `related` are missing in some live answers."""

    status: int
    message: str
    code: str | None = None
    related: tuple[str, ...] = ()


def malformed() -> Problem:
    """Documented: the body is no JSON object with the right properties."""
    return Problem(400, "Malformed JSON, please review the syntax and properties types.", "mj-0002")


def missing(name: str) -> Problem:
    """Documented: a mandatory property is missing."""
    return Problem(400, "Missing mandatory property.", "mj-0003", (name,))


def mismatch(name: str, expected: str = "int") -> Problem:
    """Documented: a property or query value has the wrong type."""
    return Problem(400, f'Type mismatch. Expected type "{expected}".', "mj-0004", (name,))


def not_a_datetime(name: str, value: str) -> Problem:
    """Documented: a text where a time is expected, and it is no time."""
    message = f'The datetime value "{value}" is not a valid RFC3339 datetime format.'
    return Problem(400, message, "mj-0009", (name,))


def unauthorised() -> Problem:
    """Documented: no token, or a wrong one."""
    return Problem(401, "Not authorised.", "mj-0015")


def forbidden() -> Problem:
    """Documented: the token's account may not use this."""
    return Problem(403, "You do not have access to this resource.", "mj-0021")


def too_old() -> Problem:
    """Seen in Mailjet's client, its code is not documented: exports reach one year back."""
    return Problem(400, "FromTS must not be older than one year.", None, ("FromTS",))


def upside_down() -> Problem:
    """Guessed: a window that ends before it begins is refused."""
    return Problem(400, "FromTS must not be later than ToTS.", None, ("FromTS", "ToTS"))


def not_found() -> Problem:
    """Guessed: an unknown or expired id, and any path that does not exist."""
    return Problem(404, "The requested resource was not found.")


def too_fast() -> Problem:
    """Documented as a status only: too many calls of a token in a second."""
    return Problem(429, "Too many requests.")


def too_many_exports() -> Problem:
    """Guessed: that there is a limit, and how it is told."""
    return Problem(409, "Too many exports are being made at the same time.")


def wrong_method() -> Problem:
    """Guessed: the path exists, but not for this method."""
    return Problem(405, "The method is not allowed for the requested resource.")


#: The message that Mailjet has for a status, where a fault asks for no message of its own.
KNOWN = {
    problem.status: problem
    for problem in (malformed(), unauthorised(), forbidden(), not_found(), wrong_method())
}


def refusal(problem: Problem, identifier: str) -> Response:
    """Wrap a problem into Mailjet's flat envelope (documented); support asks for its identifier."""
    envelope: dict[str, object] = {"ErrorIdentifier": identifier}
    if problem.code is not None:
        envelope["ErrorCode"] = problem.code
    envelope |= {"StatusCode": problem.status, "ErrorMessage": problem.message}
    if problem.related:
        envelope["ErrorRelatedTo"] = list(problem.related)
    return json_response(problem.status, envelope)
