#!/bin/sh
# Judges what a merge would make of a rotation file, and says in Markdown what it would change.
#
#   oncall-ci.sh FILE BASE HEAD >comment.md
#
# FILE is the file's path in the git repository in which this runs, BASE the revision that would be merged into, HEAD the
# one that would be merged. The file judged is that of the merge, so that what BASE has got meanwhile is not taken for
# undone. It is read with git and never checked out; nothing of HEAD is run, and no name in it reaches a shell.
#
# Exit code: 0 it may be merged; 1 the check has found errors; 2 the file is refused, or cannot be judged. The findings go
# to the error output too, as FILE:LINE. A change of the next hours alone is no error: that is limits.notice in the file.
#
#   NEZUBAN_ONCALL    the program; nezuban-oncall without it
#   ONCALL_APPROVED   logins of those who approve, with commas
#   ONCALL_LOGINS     whose login is which name in the file, LOGIN=NAME, one a line; without it each login is the name
#   ONCALL_NOW        the time as of which to judge, such as 2026-11-30T09:00:00Z; now without it
#
# The time is this machine's and never a commit's, which is whatever its author wrote: an old one would leave what has been
# since then unguarded, a later one would move the notice away from tomorrow.
set -eu
LC_ALL=C
export LC_ALL

refuse() {
	printf 'oncall-ci: %s\n' "$1" >&2
	exit 2
}

[ $# -eq 3 ] || refuse 'expected FILE BASE HEAD'
file=$1
case "/$file/" in
*//* | */../* | */./* | /-*) refuse "FILE: found $file, expected a path in the repository such as team/oncall.toml" ;;
esac
program=$(command -v "${NEZUBAN_ONCALL:-nezuban-oncall}") || refuse "no program ${NEZUBAN_ONCALL:-nezuban-oncall}"
case $program in
/*) ;;
*) program=$PWD/$program ;;
esac
base=$(git rev-parse --verify --quiet --end-of-options "$2^{commit}") || refuse "BASE: git knows no commit $2"
head=$(git rev-parse --verify --quiet --end-of-options "$3^{commit}") || refuse "HEAD: git knows no commit $3"
now=${ONCALL_NOW:-$(date -u +%Y-%m-%dT%H:%M:%SZ)}

tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

merged=$(git merge-tree --write-tree --no-messages "$base" "$head" 2>/dev/null) ||
	refuse 'HEAD does not merge into BASE without conflicts: bring it up to date'

# The tree in which the program runs holds the two files alone: the merged one under its own path, so that messages name
# it as everybody knows it, and below before/ the one in force.
mkdir -p "$tmp/tree/before"
cd_tree() { cd "$tmp/tree" || exit 2; }
extract() { # REVISION TO
	case $2 in */*) mkdir -p "${2%/*}" ;; esac
	git cat-file blob "$1:$file" >"$2" 2>/dev/null
}
extract "$merged" "$tmp/tree/$file" || refuse "$file: the merge would leave no such file"

# In force is the last version that could be used, as in a router.
before=
for revision in "$base" $(git rev-list --max-count=50 "$base" -- "$file"); do
	extract "$revision" "$tmp/tree/before/$file" || continue
	code=0
	(cd_tree && "$program" check "before/$file" --at "$now") >/dev/null 2>&1 || code=$?
	if [ "$code" -lt 2 ]; then
		before=before/$file
		break
	fi
done

# approved gives the names of those who approve. With ONCALL_LOGINS nobody else's login approves anything.
approved() {
	if [ -z "${ONCALL_LOGINS:-}" ]; then
		printf '%s' "${ONCALL_APPROVED:-}"
		return
	fi
	printf '%s\n' "$ONCALL_LOGINS" | ONCALL_APPROVED=,${ONCALL_APPROVED:-}, awk '{
		equals = index($0, "=")
		if (equals > 1 && index(tolower(ENVIRON["ONCALL_APPROVED"]), "," tolower(substr($0, 1, equals - 1)) ",")) {
			printf "%s,", substr($0, equals + 1)
		}
	}'
}

set -- check "$file" --at "$now" --approved "$(approved)"
[ -z "$before" ] || set -- "$@" --against "$before"
code=0
(cd_tree && "$program" "$@") >"$tmp/findings" 2>&1 || code=$?
cat "$tmp/findings" >&2
[ "$code" -le 2 ] || refuse "check has failed with $code"

: >"$tmp/diff"
if [ -n "$before" ] && [ "$code" -lt 2 ]; then
	(cd_tree && "$program" diff "$before" "$file" --at "$now" --format markdown) >"$tmp/diff" || [ $? -eq 1 ] || refuse 'diff has failed'
fi

# A comment holds 65536 characters; the rest of a longer one is left out at the end of a line.
shorten() {
	awk '{ size += length($0) + 1; if (size > 60000) { print "\n(The rest is left out: too long for a comment.)"; exit } print }'
}

# comment says what would change, then what the check has found. The findings stand as a block of code in which each
# line is indented: whatever is in a line, it cannot end the block.
comment() {
	echo '<!-- nezuban-oncall -->'
	if [ "$code" -ne 0 ]; then
		printf '**Not to be merged: see the check below.**\n\n'
	fi
	if [ -n "$before" ]; then
		cat "$tmp/diff"
	else
		echo 'There is no rotation file in force to compare this one with.'
	fi
	printf '\n#### Check\n\n'
	tr -d '\000-\010\013-\037\177' <"$tmp/findings" | sed 's/^/    /'
}
comment | shorten
exit "$code"
