"""How the cache signs in to Azure Managed Redis."""

from redis import Redis

from shared.cache.entra import sign_in


def test_an_address_with_a_user_and_no_password_asks_for_a_token_at_each_connection() -> None:
    tokens = iter(["first", "second"])
    url, provider = sign_in("rediss://object-id@shop.redis.azure.net:10000", lambda: next(tokens))
    assert url == "rediss://shop.redis.azure.net:10000"
    assert provider is not None
    assert provider.get_credentials() == ("object-id", "first")
    assert provider.get_credentials() == ("object-id", "second")
    client = Redis.from_url(url, credential_provider=provider)
    asked = client.connection_pool.make_connection().credential_provider
    assert asked is provider
    client.close()


def test_any_other_address_is_left_as_it_is() -> None:
    for url in (
        "redis://127.0.0.1:6379/0",
        "redis://user@127.0.0.1:6379/0",
        "rediss://user:secret@cache.example:6380",
        "unix:///run/redis.sock",
    ):
        assert sign_in(url) == (url, None)
