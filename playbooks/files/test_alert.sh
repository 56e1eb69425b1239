# Raise a test alert and wait until each way that alerts take has taken it; arguments: the Alertmanager's
# address, and what links to runbooks begin with. What is wrong is printed, one line.
address=$1
runbooks=$2
seconds=60

config=$(curl -s --max-time 5 "http://$address/api/v2/status" | sed 's/\\n/\n/g')
if [ -z "$config" ]; then
  echo "the Alertmanager does not answer; journalctl -u prometheus-alertmanager tells why"
  exit 1
fi
ways=
for way in email slack; do
  if echo "$config" | grep -q "${way}_configs:"; then ways="$ways $way"; fi
done
if [ -z "$ways" ]; then
  echo "alerts go nowhere; set FIVEBOX_SMTP_URL in vault_api_settings, or vault_alert_webhook_url"
  exit 1
fi

# Attempts of a way: total, or failed_total.
count() {
  curl -s --max-time 5 "http://$address/metrics" |
    awk -v name="alertmanager_notification_requests_$1" -v way="integration=\"$2\"" '
      index($1, name "{") == 1 && index($1, way) { sum += $2 } END { print sum + 0 }'
}
delivered() { echo $(($(count total "$1") - $(count failed_total "$1"))); }

for way in $ways; do
  eval "before_$way=$(delivered "$way")"
done
begin=$(date -u +%Y-%m-%dT%H:%M:%SZ)
end=$(date -u -d '+3 minutes' +%Y-%m-%dT%H:%M:%SZ)
curl -s --fail --max-time 5 -H 'Content-Type: application/json' "http://$address/api/v2/alerts" --data @- <<BODY || exit 1
[{"labels": {"alertname": "TestAlert", "severity": "test", "topic": "test", "run": "$begin"},
  "annotations": {"summary": "This is a test; nothing is wrong.", "cause": "Somebody ran playbooks/verify.yml.",
                  "runbook_url": "${runbooks}monitoring.md"},
  "startsAt": "$begin", "endsAt": "$end"}]
BODY
for way in $ways; do
  eval "before=\$before_$way"
  until [ "$(delivered "$way")" -gt "$before" ]; do
    seconds=$((seconds - 1))
    if [ "$seconds" -le 0 ]; then
      echo "a test alert by $way was not taken within a minute; journalctl -u prometheus-alertmanager tells why"
      exit 1
    fi
    sleep 1
  done
done
echo "a test alert went out by$ways"
