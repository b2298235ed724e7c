from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import kombu
import pytest
import redis

from emailseq import env
from emailseq.env import EmailUrl, SettingError

SOCKET = "unix:///run/my%20app/v.sock"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("smtp://mx.example", EmailUrl("mx.example", 25, "", "", "none")),
        ("smtp://mx.example:2525", EmailUrl("mx.example", 2525, "", "", "none")),
        ("smtp://me:pw@127.0.0.1", EmailUrl("127.0.0.1", 25, "me", "pw", "none")),
        ("smtp://me:pw@[::1]:26", EmailUrl("::1", 26, "me", "pw", "none")),
        ("smtp+tls://me:pw@mx.example", EmailUrl("mx.example", 587, "me", "pw", "starttls")),
        (
            "smtps://me%40x:p%2Fw%3A@mx.example",
            EmailUrl("mx.example", 465, "me@x", "p/w:", "implicit"),
        ),
        ("smtps://mx.example:4650/", EmailUrl("mx.example", 4650, "", "", "implicit")),
        ("inbox://", EmailUrl("127.0.0.1", 2525, "", "", "none")),
    ],
)
def test_email_url(value, expected, monkeypatch):
    monkeypatch.delenv("EMAILSEQ_INBOX_PORT", raising=False)

    assert env.email_url(value) == expected


def test_the_inbox_listens_where_it_is_told(monkeypatch):
    monkeypatch.setenv("EMAILSEQ_INBOX_PORT", "3025")

    assert env.email_url("inbox://").port == 3025


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("smtp://me:hunter2@mx.example", "in the clear"),
        ("smtp://me@localhost.example", "in the clear"),
        ("ftp://mx.example", "starts with smtp"),
        ("smtp://", "looks like"),
        ("smtps://me:hunter2@mx.example/path", "looks like"),
        ("smtps://me:hunter2@mx.example?ssl=1", "looks like"),
        ("smtp://mx.example:99999", "port"),
    ],
)
def test_a_wrong_email_url_is_refused_without_its_password(value, why):
    with pytest.raises(SettingError, match=why) as refused:
        env.email_url(value)

    assert "hunter2" not in str(refused.value)


def test_a_password_is_not_shown():
    assert "hunter2" not in repr(env.email_url("smtps://me:hunter2@mx.example"))


@pytest.mark.parametrize(
    ("url", "role", "expected"),
    [
        (SOCKET, "broker", "redis+socket:///run/my%20app/v.sock?virtual_host=0"),
        (SOCKET, "cache", "unix:///run/my%20app/v.sock?db=1"),
        (SOCKET, "buckets", "unix:///run/my%20app/v.sock?db=2"),
        ("redis+socket:///v.sock", "cache", "unix:///v.sock?db=1"),
        ("redis://me:pw@kv.example:6380", "broker", "redis://me:pw@kv.example:6380/0"),
        ("rediss://kv.example/9?x=1", "buckets", "rediss://kv.example/2?x=1"),
    ],
)
def test_one_redis_url_in_two_dialects(url, role, expected, monkeypatch):
    monkeypatch.setenv("REDIS_URL", url)
    monkeypatch.delenv("EMAILSEQ_REDIS_DB_BASE", raising=False)

    assert env.redis_url(role) == expected


def test_a_test_worker_has_databases_of_its_own(monkeypatch):
    monkeypatch.setenv("REDIS_URL", SOCKET)
    monkeypatch.setenv("EMAILSEQ_REDIS_DB_BASE", "6")

    assert env.redis_url("cache").endswith("?db=7")


def test_the_broker_may_live_elsewhere(monkeypatch):
    monkeypatch.setenv("CELERY_BROKER_URL", "redis://broker.example/4")

    assert env.redis_url("broker") == "redis://broker.example/4"
    assert env.redis_url("cache") != "redis://broker.example/4"


def test_an_unknown_dialect_is_refused(monkeypatch):
    monkeypatch.setenv("REDIS_URL", "http://kv.example")

    with pytest.raises(SettingError, match="REDIS_URL starts with"):
        env.redis_url("cache")


def test_both_dialects_reach_the_running_valkey():
    with redis.Redis.from_url(env.redis_url("cache")) as client:
        assert client.ping() is True
    with kombu.Connection(env.redis_url("broker")) as connection:
        assert connection.default_channel.client.ping() is True


def test_a_secret_may_stand_in_a_file(tmp_path, monkeypatch):
    (tmp_path / "url").write_text("postgres://db.example/x\n")
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("DATABASE_URL_FILE", str(tmp_path / "url"))

    assert env.require("DATABASE_URL") == "postgres://db.example/x"


def test_the_variable_wins_over_the_file(tmp_path, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgres://db.example/y")
    monkeypatch.setenv("DATABASE_URL_FILE", str(tmp_path / "absent"))

    assert env.read("DATABASE_URL") == "postgres://db.example/y"


def test_a_file_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("DATABASE_URL_FILE", str(tmp_path / "absent"))

    with pytest.raises(SettingError, match="DATABASE_URL_FILE names a file"):
        env.read("DATABASE_URL")


def test_a_missing_url_names_the_ways_out(monkeypatch):
    monkeypatch.delenv("DATABASE_URL", raising=False)

    with pytest.raises(
        SettingError, match=r"DATABASE_URL is not set\. Set it, or start through manage"
    ):
        env.require("DATABASE_URL")


def test_a_development_secret_is_made_once(tmp_path, monkeypatch):
    monkeypatch.delenv("SECRET_KEY", raising=False)
    monkeypatch.setenv("ENVIRONMENT", "development")

    first = env.secret("SECRET_KEY", tmp_path)

    assert len(first) >= 50
    assert env.secret("SECRET_KEY", tmp_path) == first
    assert os.listdir(tmp_path / "secrets") == ["SECRET_KEY"]
    assert stat.S_IMODE((tmp_path / "secrets/SECRET_KEY").stat().st_mode) == 0o600


def test_a_ring_has_a_name_for_each_key(tmp_path, monkeypatch):
    monkeypatch.setenv("FIELD_KEYS", "k2:new:er,k1:old")
    assert list(env.ring("FIELD_KEYS", tmp_path).items()) == [("k2", "new:er"), ("k1", "old")]

    for wrong in ("old", ":old", "k1:", "k2:new,old", "k1:old,"):
        monkeypatch.setenv("FIELD_KEYS", wrong)
        with pytest.raises(SettingError, match="FIELD_KEYS looks like k2:NEW,k1:OLD"):
            env.ring("FIELD_KEYS", tmp_path)


def test_spf_mechanisms_name_mail_servers(monkeypatch):
    monkeypatch.setenv(
        "EMAILSEQ_SPF", " IP4:192.0.2.1  ip6:2001:db8::/64 a:mail.example include:x.y "
    )
    assert env.mechanisms("EMAILSEQ_SPF") == (
        "ip4:192.0.2.1",
        "ip6:2001:db8::/64",
        "a:mail.example",
        "include:x.y",
    )

    for wrong in ("192.0.2.1", "ip4:2001:db8::1", "ip4:mail.example", "a:", "ptr:x.y", "include:"):
        monkeypatch.setenv("EMAILSEQ_SPF", wrong)
        with pytest.raises(SettingError, match="EMAILSEQ_SPF holds"):
            env.mechanisms("EMAILSEQ_SPF")


def test_name_servers_are_addresses(monkeypatch):
    given = "192.0.2.1, 192.0.2.2:5353,2001:db8::1,[2001:db8::2]:54"
    monkeypatch.setenv("EMAILSEQ_DNS_SERVERS", given)
    assert env.name_servers("EMAILSEQ_DNS_SERVERS") == (
        ("192.0.2.1", 53),
        ("192.0.2.2", 5353),
        ("2001:db8::1", 53),
        ("2001:db8::2", 54),
    )

    for wrong in ("dns.example", "192.0.2.1:x", "192.0.2.1:99999", "192.0.2.1 192.0.2.2", "[x"):
        monkeypatch.setenv("EMAILSEQ_DNS_SERVERS", wrong)
        with pytest.raises(SettingError, match="EMAILSEQ_DNS_SERVERS holds addresses"):
            env.name_servers("EMAILSEQ_DNS_SERVERS")


def test_a_ring_is_made_up_in_development(tmp_path, monkeypatch):
    monkeypatch.delenv("FIELD_KEYS", raising=False)
    monkeypatch.setenv("ENVIRONMENT", "development")

    [(kid, key)] = env.ring("FIELD_KEYS", tmp_path).items()

    assert (kid, len(key)) == ("k1", 64)


def test_production_makes_no_secret(tmp_path, monkeypatch):
    monkeypatch.delenv("SECRET_KEY", raising=False)
    monkeypatch.setenv("ENVIRONMENT", "production")

    with pytest.raises(SettingError, match=r"SECRET_KEY is not set.*SECRET_KEY_FILE"):
        env.secret("SECRET_KEY", tmp_path)

    assert list(tmp_path.iterdir()) == []


def test_the_command_line_says_what_is_missing_in_a_sentence(tmp_path):
    command = [sys.executable, "manage.py", "check"]
    servers = {"DATABASE_URL": "postgres://nobody", "REDIS_URL": "redis://nobody"}
    production = {"ENVIRONMENT": "production", "EMAILSEQ_DATA_DIR": str(tmp_path)}
    without = {name: value for name, value in os.environ.items() if name != "SECRET_KEY"}

    done = subprocess.run(
        command,
        cwd=Path(__file__).parent.parent,
        env=without | servers | production,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 1
    assert done.stderr.startswith("SECRET_KEY is not set.")


def test_pictures_are_kept_on_disk_or_in_a_bucket(tmp_path):
    default = env.media_storage("", tmp_path)
    disk = env.media_storage("file:///srv/my%20pictures", tmp_path)
    minio = env.media_storage("s3://key:s%2Fcret@127.0.0.1:9000/bucket/in/it?region=eu", tmp_path)
    amazon = env.media_storage("s3://key:secret@/bucket", tmp_path)

    assert default["OPTIONS"]["location"] == str(tmp_path / "media")
    assert disk["OPTIONS"]["location"] == "/srv/my pictures"
    assert minio["BACKEND"] == "storages.backends.s3.S3Storage"
    assert minio["OPTIONS"] == {
        "access_key": "key",
        "secret_key": "s/cret",
        "bucket_name": "bucket",
        "location": "in/it",
        "endpoint_url": "http://127.0.0.1:9000",
        "region_name": "eu",
        "file_overwrite": True,
    }
    assert (amazon["OPTIONS"]["endpoint_url"], amazon["OPTIONS"]["location"]) == (None, "")


@pytest.mark.parametrize("value", ["/srv", "s3://bucket", "s3://key@host/bucket", "ftp://x/y"])
def test_other_places_for_pictures_are_refused(tmp_path, value):
    with pytest.raises(env.SettingError, match="MEDIA_STORAGE_URL is"):
        env.media_storage(value, tmp_path)
