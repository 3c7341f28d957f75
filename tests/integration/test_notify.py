"""Who is told of alerts: each once, also when the receiver fails for a while and over a kill -9."""

import json
import time

import pytest

from certificates import Authority
from daemon import STORED
from receivers import Alertmanager, Mailbox, Webhook
from test_alert_rules import REPLAY, alerts, emit

RULE = """
[alert.busy]
when = max(cpu_percent over 2s) > 90
severity = critical
"""
BUFFER = "[buffer.batch:alerts]\nbatch_timeout = 50ms\ncapacity = 1Mi\n"


def reading(daemon, name, cpu):
    emit(daemon, "container_stats", [time.time_ns(), "box", f"{name}-id", name, None, None, None, None, cpu])


def resolve(daemon, name):
    def calmed():
        reading(daemon, name, 3)
        return ("resolved",) in alerts(daemon, "state")

    daemon.wait(calmed, "it is over")


@pytest.fixture
def telling(tallyd):
    def make(outputs, rule=RULE):
        daemon = tallyd(REPLAY + STORED + rule + BUFFER + outputs)
        (daemon.dir / "rows").write_text("")
        return daemon.start()

    return make


@pytest.fixture
def hook():
    webhook = Webhook().start()
    yield webhook
    webhook.stop()


def output(kind, url, more=""):
    return f"[output.notify:{kind}]\ntype = {kind}\nurl = {url}\nbuffer = batch:alerts\n{more}\n"


def test_a_webhook_that_fails_is_told_later_and_over_a_crash_too(telling, hook):
    hook.status = 500
    daemon = telling(output("webhook", hook.url + "?key=hush", "token = s3cr3t"))
    reading(daemon, "web", 97.25)
    daemon.wait(lambda: hook.got, "it is told")
    hook.stop()
    daemon.says("cannot write")
    daemon.kill9()
    (daemon.dir / "rows").write_text("")
    daemon.start()
    assert not hook.taken()
    hook.status = 200
    hook.start()
    daemon.wait(hook.taken, "it is told after all")
    headers, text = hook.taken()[0]
    told = json.loads(text)
    assert headers["Authorization"] == "Bearer s3cr3t" and headers["Idempotency-Key"] == told["key"]
    first = json.loads(hook.got[0][1])["alerts"]
    assert told["alerts"] == first and len(first) == 1
    assert {k: first[0][k] for k in ("rule", "host", "subject", "state", "severity", "value", "summary")} == {
        "rule": "busy", "host": "box", "subject": "web", "state": "firing", "severity": "critical",
        "value": 97.25, "summary": "web: max(cpu_percent over 2s) > 90, now 97.25%"}
    resolve(daemon, "web")
    daemon.wait(lambda: len(hook.alerts()) >= 2, "its end is told")
    assert [alert["state"] for alert in hook.alerts()] == ["firing", "resolved"]
    assert len({alert["id"] for alert in hook.alerts()}) == 2
    assert "hush" not in daemon.log and "s3cr3t" not in daemon.log
    assert "hush" not in daemon.call("config", "dump").stdout
    daemon.balanced()


def test_templates_slack_and_ntfy_say_it_in_their_words(telling, hook):
    slack, ntfy = Webhook().start(), Webhook().start()
    try:
        daemon = telling(
            output("webhook", hook.url,
                   'template = {"what": "{{subject}} is {{state}}", "value": {{value}}, "id": "{{id}}"}')
            + output("slack", slack.url) + output("ntfy", ntfy.url))
        reading(daemon, 'w"<b', 97.25)
        daemon.wait(lambda: hook.taken() and slack.taken() and ntfy.taken(), "all are told")
        told = json.loads(hook.taken()[0][1])
        assert told["what"] == 'w"<b is firing' and told["value"] == 97.25 and len(told["id"]) == 16
        assert json.loads(slack.taken()[0][1]) == {
            "text": ':rotating_light: firing: w"&lt;b: max(cpu_percent over 2s) &gt; 90, now 97.25%'}
        headers, text = ntfy.taken()[0]
        assert (headers["Title"], headers["Priority"]) == ("firing: busy", "urgent")
        assert text == 'firing: w"<b: max(cpu_percent over 2s) > 90, now 97.25%'
    finally:
        slack.stop()
        ntfy.stop()


def test_what_is_not_asked_for_or_refused_for_good_is_not_repeated(telling, hook):
    hook.status = 422
    daemon = telling(output("webhook", hook.url, "rules = busy")
                     + output("slack", hook.url, "rules = other*"))
    reading(daemon, "web", 99)
    daemon.wait(lambda: daemon.metric("tallyd_notify_alerts_refused_total") == 1, "it is given up")
    daemon.says("given up 1 alerts: 127.0.0.1:")
    hook.status = 200
    reading(daemon, "other", 99)
    daemon.wait(hook.taken, "the next one is told")
    assert [alert["subject"] for alert in hook.alerts()] == ["other"]


def test_muted_alerts_are_recorded_and_not_told(telling, hook):
    daemon = telling(output("webhook", hook.url), RULE + "silence = test-*\n")
    reading(daemon, "test-1", 99)
    reading(daemon, "web", 99)
    daemon.wait(lambda: hook.taken() and len(alerts(daemon)) == 2, "both are recorded, one is told")
    assert sorted(alerts(daemon, "subject, notified")) == [("test-1", 0), ("web", 1)]
    assert [alert["subject"] for alert in hook.alerts()] == ["web"]


def test_mail_goes_out_encrypted_and_with_a_login(telling, tmp_path):
    authority = Authority(tmp_path / "ca")
    authority.sign("mail", "serverAuth", "IP:127.0.0.1")
    box = Mailbox(authority.file("mail.pem"), authority.file("mail-key.pem"), "tally", "p4ss")
    try:
        (tmp_path / "password").write_text("p4ss\n")
        daemon = telling(output("email", f"smtp://127.0.0.1:{box.port}", f"""\
from = tallyd@example.org
to = ops@example.org, night@example.org
user = tally
password_file = {tmp_path}/password
tls_ca = {authority.file("ca.pem")}
"""))
        reading(daemon, "wéb", 97.25)
        daemon.wait(lambda: box.mails, "the mail is there")
        sender, receivers, text = box.mails[0]
        assert sender == "tallyd@example.org"
        assert receivers == ["ops@example.org", "night@example.org"]
        assert "Subject: [tallyd] firing: busy\r\n" in text and "@tallyd>\r\n" in text
        assert text.partition("\r\n\r\n")[2].strip() == \
            "firing: wéb: max(cpu_percent over 2s) > 90, now 97.25%"
        assert "p4ss" not in daemon.log
    finally:
        box.stop()


def test_alertmanager_hears_what_fires_also_after_its_own_restart(telling, tmp_path):
    manager = Alertmanager(tmp_path / "am")
    try:
        daemon = telling(output("alertmanager", manager.url, "resend = 1s"))
        reading(daemon, "web", 97.25)
        daemon.wait(manager.alerts, "it knows")
        alert = manager.alerts()[0]
        assert alert["labels"] == {"alertname": "busy", "host": "box", "subject": "web",
                                   "severity": "critical"}
        assert alert["annotations"]["summary"] == "web: max(cpu_percent over 2s) > 90, now 97.25%"
        manager.stop()
        daemon.kill9()
        manager = Alertmanager(tmp_path / "am2", manager.port)
        assert manager.alerts() == []
        (daemon.dir / "rows").write_text("")
        daemon.start()
        daemon.wait(manager.alerts, "it knows again")
        resolve(daemon, "web")
        daemon.wait(lambda: manager.alerts() == [], "and that it is over")
    finally:
        manager.stop()


@pytest.mark.parametrize("options, says", [
    ("url = ftp://x", "url: it is http://… or https://…"),
    ("url = http://x\ntemplate = {\"a\": {{sumary}}}", "template: {{sumary}} is no member of an alert"),
    ("url = http://x\ntemplate = {\"a\": {{summary}}}", "template: does not give JSON"),
    ("type = email\nurl = http://x", "url: of mail it is smtp://HOST:587 or smtps://HOST"),
    ("type = email\nurl = smtp://x\nfrom = a@b", "to: mail needs an address that it goes to"),
])
def test_mistakes_are_explained(tallyd, options, says):
    done = tallyd(f"[output.notify]\n{options}\n").call("check")
    assert done.returncode != 0 and says in done.stdout + done.stderr
