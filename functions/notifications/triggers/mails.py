"""The queue of mails that wait for a sender, and the timer that fills it again."""

import azure.functions as func

from functions.notifications.model import QUEUE, SendMail
from functions.notifications.service.sending import Sending
from shared.kit.provider import Provider
from shared.messaging.consuming import consume


def register(blueprint: func.Blueprint, sending: Provider[Sending]) -> None:
    @blueprint.function_name("notifications_send_mail")
    @blueprint.service_bus_queue_trigger(
        arg_name="message", queue_name=QUEUE, connection="ServiceBusConnection"
    )
    def send_mail(message: func.ServiceBusMessage) -> None:
        """A mail that cannot be sent leaves its message among the queue's dead letters."""
        consume(message, {SendMail: lambda _, asked: sending().send(asked.mail_id)})

    @blueprint.function_name("notifications_wake_mails")
    @blueprint.timer_trigger(schedule="*/10 * * * * *", arg_name="timer")
    def wake_mails(timer: func.TimerRequest) -> None:
        """Mails that a provider did not take are tried again, and none is lost on its way."""
        sending().wake_overdue()
