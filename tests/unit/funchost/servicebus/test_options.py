"""host.json's extensions.serviceBus: defaults, names in any case, what is wrong."""

import os

import pytest

from funchost.hostjson import HostJson
from funchost.servicebus.options import RetryOptions, ServiceBusOptions
from funchost.settings import SettingsError


def read(**section):
    return ServiceBusOptions.read(HostJson({"extensions": {"serviceBus": section}}))


def test_the_defaults_are_those_of_the_extension():
    assert ServiceBusOptions.read(HostJson({})) == ServiceBusOptions(
        prefetch_count=0,
        auto_complete=True,
        max_lock_renewal=300.0,
        max_concurrent_calls=16 * (os.cpu_count() or 1),
        max_concurrent_sessions=8,
        max_concurrent_calls_per_session=1,
        max_batch_size=1000,
        min_batch_size=1,
        max_batch_wait=30.0,
        session_idle_timeout=60.0,
        web_sockets=False,
        retry=RetryOptions("exponential", 60.0, 0.8, 60.0, 3),
    )


def test_every_option_is_read():
    options = read(
        PREFETCHCOUNT=5,
        autoCompleteMessages=False,
        maxAutoLockRenewalDuration="00:10:00",
        maxConcurrentCalls="32",
        maxConcurrentSessions=16,
        maxConcurrentCallsPerSession=2,
        maxMessageBatchSize=100,
        minMessageBatchSize=10,
        maxBatchWaitTime="00:00:05",
        sessionIdleTimeout="00:00:01.5",
        transportType="AMQPWebSockets",
        clientRetryOptions={
            "mode": "Fixed",
            "tryTimeout": "00:00:10",
            "delay": "00:00:00.10",
            "maxDelay": "00:00:20",
            "maxRetries": 0,
        },
    )
    assert options == ServiceBusOptions(
        5, False, 600.0, 32, 16, 2, 100, 10, 5.0, 1.5, True,
        RetryOptions("fixed", 10.0, 0.1, 20.0, 0),
    )  # fmt: skip


def test_an_idle_session_is_held_for_a_try_unless_told_otherwise():
    assert read(clientRetryOptions={"tryTimeout": "00:00:07"}).session_idle_timeout == 7.0


def test_no_renewal_is_a_duration_of_zero():
    assert read(maxAutoLockRenewalDuration="00:00:00").max_lock_renewal == 0.0


def test_names_of_older_versions_of_the_extension_are_ignored():
    older = {"messageHandlerOptions": {"maxConcurrentCalls": 1}, "batchOptions": {}}
    assert read(**older) == read()


@pytest.mark.parametrize(
    ("section", "sentence"),
    [
        ({"maxConcurrentCalls": 0}, "maxConcurrentCalls in host.json is 0; it must be at least 1."),
        ({"maxConcurrentCalls": "many"}, "maxConcurrentCalls in host.json is not a whole number."),
        ({"maxConcurrentCalls": 2**31}, "maxConcurrentCalls in host.json is too large."),
        ({"prefetchCount": -1}, "prefetchCount in host.json is -1; it must be at least 0."),
        ({"autoCompleteMessages": "yes"}, "autoCompleteMessages in host.json is neither true nor"),
        ({"maxBatchWaitTime": "0"}, "maxBatchWaitTime in host.json is not a positive time span"),
        ({"sessionIdleTimeout": "soon"}, "sessionIdleTimeout in host.json is not a positive time"),
        (
            {"minMessageBatchSize": 11, "maxMessageBatchSize": 10},
            "minMessageBatchSize in host.json is 11, which is more than maxMessageBatchSize (10).",
        ),
        ({"transportType": "carrierPigeon"}, "transportType in host.json is not one of amqpTcp,"),
        ({"clientRetryOptions": {"mode": "never"}}, "clientRetryOptions.mode in host.json is not"),
        ({"clientRetryOptions": {"maxRetries": -1}}, "clientRetryOptions.maxRetries in host.json"),
        ({"enableCrossEntityTransactions": True}, "enableCrossEntityTransactions in host.json is"),
        ({"webProxy": "http://proxy"}, "webProxy in host.json is not supported"),
    ],
)
def test_what_is_wrong_is_said_with_the_option_s_name(section, sentence):
    with pytest.raises(SettingsError) as raised:
        read(**section)
    assert str(raised.value).startswith(f"extensions.serviceBus.{sentence}")
