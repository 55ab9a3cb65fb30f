"""What Stripe answers when it does not do what it was asked (https://docs.stripe.com/api/errors)."""

from typing import Any


class StripeError(Exception):
    """`keeps` says that what was changed on the way stays: a declined card leaves a charge."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        keeps: bool = False,
        **more: Any,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.kind = kind
        self.code = code
        self.param = param
        self.keeps = keeps
        self.more = more

    def body(self) -> dict[str, Any]:
        error: dict[str, Any] = {"message": self.message, "type": self.kind}
        if self.code is not None:
            error["code"] = self.code
            error["doc_url"] = f"https://stripe.com/docs/error-codes/{self.code.replace('_', '-')}"
        if self.param is not None:
            error["param"] = self.param
        return {"error": error | self.more}


class BadParameter(StripeError):
    """Found before any work began; not remembered under an idempotency key."""


def missing_object(kind: str, identity: str, param: str = "id", status: int = 404) -> StripeError:
    return StripeError(
        f"No such {kind}: '{identity}'", status=status, code="resource_missing", param=param
    )


def unexpected_state(message: str, intent: dict[str, Any]) -> StripeError:
    return StripeError(message, code="payment_intent_unexpected_state", payment_intent=intent)
