# Print one line about this host.
slot=$(readlink /opt/fivebox/active | xargs -r basename)
release=$(readlink "/opt/fivebox/slots/$slot" | xargs -r basename)
health=$(curl -s --max-time 5 --unix-socket /run/fivebox/api.sock http://localhost/health 2>/dev/null |
  sed -n 's/.*"status":"\([a-z]*\)","timestamp.*/\1/p')
since=$(systemctl show -P ActiveEnterTimestamp "fivebox-api@$slot" 2>/dev/null)
[ -z "$since" ] || up=$((($(date +%s) - $(date -d "$since" +%s)) / 60))
end=$(openssl x509 -enddate -noout -in /etc/nginx/tls/fullchain.pem 2>/dev/null | cut -d= -f2)
[ -z "$end" ] || days=$((($(date -d "$end" +%s) - $(date +%s)) / 86400))
disk=$(df --output=pcent / | tail -n 1 | tr -d ' ')
memory=$(awk '/MemAvailable/ { print int($2 / 1024) " MiB" }' /proc/meminfo)
oldest=$(journalctl --quiet --output short-unix 2>/dev/null | head -n 1 | cut -d. -f1)
[ -z "$oldest" ] || logs=$((($(date +%s) - oldest) / 86400))
ask_database() {
  runuser -u postgres -- psql --no-psqlrc -Atc "$1" 2>/dev/null
}
if [ -d /etc/postgresql ]; then
  backup=$(fivebox-backup status 2>/dev/null)
  lag=$(ask_database "SELECT CASE WHEN pg_is_in_recovery() THEN
    coalesce(round(extract(epoch FROM now() - pg_last_xact_replay_timestamp())) || ' s', '-') ELSE 'primary' END")
fi
lock=$([ ! -e /opt/fivebox/lock ] || /usr/local/sbin/fivebox lock show)
echo "$(hostname)|${release:--}|${slot:--}|${health:--}|${up:--} min|${days:--}|$disk|$memory|${logs:--} d|${backup:--}|${lag:--}|$lock"
