# Print one line about this host; argument: the public name of the API.
slot=$(cat /opt/fivebox/active 2>/dev/null || echo -)
release=$(cat "/opt/fivebox/slots/$slot/VERSION" 2>/dev/null || echo -)
health=$(curl -s --max-time 5 --unix-socket "/run/fivebox/$slot.sock" http://localhost/health |
  sed -n 's/.*"status":"\([a-z]*\)","timestamp.*/\1/p')
since=$(systemctl show -P ActiveEnterTimestamp "fivebox-api@$slot" 2>/dev/null)
end=$(openssl x509 -enddate -noout -in "/etc/letsencrypt/live/$1/cert.pem" 2>/dev/null | cut -d= -f2)
days=-
[ -z "$end" ] || days=$((($(date -d "$end" +%s) - $(date +%s)) / 86400))
disk=$(df --output=pcent / | tail -n 1 | tr -d ' ')
memory=$(awk '/MemAvailable/ { print int($2 / 1024) " MiB" }' /proc/meminfo)
backup=$(fivebox-backup status 2>/dev/null || echo -)
echo "$(hostname)|$release|$slot|${health:--}|${since:--}|$days|$disk|$memory|$backup"
