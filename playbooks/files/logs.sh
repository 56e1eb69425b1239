# Print what a search finds in the journal of this host, and of those that ship theirs to it, as
# JSON lines; arguments: the most lines, then those of journalctl.
set -eu
most=$1
shift
fields=MESSAGE,SYSLOG_IDENTIFIER,_SYSTEMD_UNIT,_HOSTNAME,PRIORITY
search() {
  # Without a match it ends with 1.
  journalctl --quiet --no-pager --all --output json --output-fields "$fields" --lines "$most" "$@" || true
}
search "$@"
if [ -d /var/log/journal/remote ]; then
  search --directory /var/log/journal/remote "$@"
fi
