# What stalekey runs on another machine, through `ssh HOST sh -s`. A prologue sets these:
#   N         begins every line of the answer: all else, such as a greeting, is passed over
#   IPAD OPAD the two blocks of an HMAC's key, in octal; a key of this run alone
#   VARIABLES names, PREFIXES beginnings of keys that are public: words
#   KIND      file (FILE), process (PID PIDFILE NAME COMMAND FOLDER WHO UNIT), unit (UNIT SCOPE)
# No character of a value is printed, stands in an argument or is written to a file: values pass
# through pipes into SHA-256 and into awk, which tells a bucket of their length, the number of the
# public beginning that they have, and their damage by name.

say() {
    printf '%s' "$N"
    for word in "$@"; do printf '\t%s' "$word"; done
    printf '\n'
}

if command -v sha256sum >/dev/null 2>&1; then sha() { sha256sum; }
elif command -v shasum >/dev/null 2>&1; then sha() { shasum -a 256; }
elif command -v openssl >/dev/null 2>&1; then sha() { openssl dgst -sha256 -r; }
else say failed sha; exit 0
fi
command -v awk >/dev/null 2>&1 || { say failed awk; exit 0; }

# HMAC-SHA256(key of the run, "keyfp1\0" and the bytes of standard input), in hex; its digits are
# letters from g to v, so that no run of them is like a piece of a key.
fingerprint() {
    inner=$({ printf "$IPAD"; printf 'keyfp1\000'; cat; } | sha | cut -c1-64)
    inner=$(printf '\\%03o' $(printf '%s' "$inner" | sed 's/../0x& /g'))
    { printf "$OPAD"; printf "$inner"; } | sha | cut -c1-64 | tr 0123456789abcdef ghijklmnopqrstuv
}

# Bucket of the length, number of the public beginning, damage: of the bytes of standard input.
facts() {
    awk -v prefixes="$PREFIXES" '
        { value = NR > 1 ? value "\n" $0 : $0 }
        END {
            n = length(value)
            bucket = n == 0 ? "0" : n < 8 ? "1-7" : n < 16 ? "8-15" : n < 32 ? "16-31" : n < 64 ? "32-63" : "64+"
            count = split(prefixes, known, " ")
            best = 0
            for (i = 1; i <= count; i++)
                if (index(value, known[i]) == 1 && (!best || length(known[i]) > length(known[best])))
                    best = i
            damage = "-"
            if (value ~ /^[ \t]/) damage = damage ",space-before"
            if (value ~ /[ \t]$/) damage = damage ",space-after"
            if (value ~ /\r/) damage = damage ",cr"
            if (value ~ /\n/) damage = damage ",lf"
            if (value ~ /^["\047`]|["\047`]$/) damage = damage ",quoted"
            if (tolower(value) ~ /^bearer /) damage = damage ",bearer-included"
            print bucket, best, damage
        }'
}

# Of a process: parent, ticks.
stat_of() {
    read -r line 2>/dev/null <"/proc/$1/stat" || return 1
    set -- ${line##*) }
    [ $# -ge 20 ] || return 1
    parent=$2
    shift 19
    ticks=$1
}

# A line for each variable; a line feed inside a value is \001 meanwhile.
environment_lines() { tr '\n\000' '\001\n' <"/proc/$1/environ" 2>/dev/null; }

value_of() {
    environment_lines "$1" | sed -n -e "/^$2=/{" -e "s/^$2=//p" -e q -e '}' | tr -d '\n' | tr '\001' '\n'
}

process() {
    pid=$1
    stat_of "$pid" && read -r comm 2>/dev/null <"/proc/$pid/comm" || return 0
    first=$ticks since=$ticks oldest=$pid up=$parent
    while [ "$up" -gt 1 ] && read -r other 2>/dev/null <"/proc/$up/comm" && [ "$other" = "$comm" ]; do
        stat_of "$up" || break
        oldest=$up since=$ticks up=$parent
    done
    program=$(readlink "/proc/$pid/exe" 2>/dev/null)
    program=${program##*/}
    program=$(printf '%s' "${program:-$comm}" | tr -c '[:alnum:]._+-' '?')
    user=$(awk -F: -v id="$uid" '$3 == id { print $1; exit }' /etc/passwd 2>/dev/null)
    if ! cat "/proc/$pid/environ" >/dev/null 2>&1; then
        [ -d "/proc/$pid" ] && say process "$pid" "$oldest" "$first" "$since" "${user:-$uid}" "$program" denied
        return 0
    fi
    if environment_lines "$pid" | grep -q . && ! environment_lines "$pid" | grep -q =; then
        say process "$pid" "$oldest" "$first" "$since" "${user:-$uid}" "$program" erased
        return 0
    fi
    say process "$pid" "$oldest" "$first" "$since" "${user:-$uid}" "$program" open
    number=0
    for variable in $VARIABLES; do
        number=$((number + 1))
        environment_lines "$pid" | grep -q "^$variable=" || continue
        say value "$pid" "$number" "$(value_of "$pid" "$variable" | fingerprint)" \
            $(value_of "$pid" "$variable" | facts)
    done
    # What was read of a number that another process has by now is of neither.
    { stat_of "$pid" && [ "$ticks" = "$first" ]; } || say gone "$pid"
}

user_of() {
    uid=
    while read -r key value rest; do
        case $key in Uid:) uid=$value; break ;; esac
    done 2>/dev/null <"/proc/$1/status"
}

fits() {
    [ -z "$PID" ] || [ "$PID" = "$1" ] || return 1
    [ -z "$COMMAND" ] || case $commands in *" $1 "*) ;; *) return 1 ;; esac
    case $own in *" $1 "*) return 1 ;; esac
    if [ -n "$NAME" ]; then
        read -r comm 2>/dev/null <"/proc/$1/comm" || return 1
        if [ "$NAME" != "$comm" ]; then
            program=$(readlink "/proc/$1/exe" 2>/dev/null)
            [ "$NAME" = "${program##*/}" ] || return 1
        fi
    fi
    user_of "$1"
    [ -n "$uid" ] || return 1
    [ -z "$WHO" ] || [ "$WHO" = "$uid" ] || [ "$who" = "$uid" ] || return 1
    if [ -n "$FOLDER" ]; then
        at=$(readlink "/proc/$1/cwd" 2>/dev/null) || { hidden=$((hidden + 1)); return 1; }
        [ "$at" = "$folder" ] || return 1
    fi
    [ -z "$UNIT" ] || sed 's|$|/|' "/proc/$1/cgroup" 2>/dev/null | grep -Fq -e "/$UNIT/" || return 1
    # A thread of the kernel has no words.
    tr -d '\000' 2>/dev/null <"/proc/$1/cmdline" | grep -q . || return 1
}

processes() {
    [ -r /proc/self/stat ] || { say failed proc; return 0; }
    hidden=0 own=" " commands=" " who= folder=
    if [ -n "$PIDFILE" ]; then
        [ -e "$PIDFILE" ] || { say none; return 0; }
        read -r PID rest 2>/dev/null <"$PIDFILE" || [ -n "$PID" ] || { say failed pidfile; return 0; }
        case $PID in '' | *[!0-9]*) say failed pidfile; return 0 ;; esac
    fi
    if [ -z "$PID" ]; then
        up=$$
        while [ "$up" -gt 1 ] && stat_of "$up"; do own="$own$up " up=$parent; done
    fi
    [ -z "$WHO" ] || who=$(awk -F: -v name="$WHO" '$1 == name { print $3; exit }' /etc/passwd)
    [ -z "$FOLDER" ] || folder=$(cd -- "$FOLDER" 2>/dev/null && pwd -P)
    if [ -n "$COMMAND" ]; then
        # The words of a command line are matched here, and told to nobody.
        commands=" $(for at in /proc/[0-9]*; do
            printf '%s ' "${at#/proc/}"
            tr '\000\n' '  ' <"$at/cmdline"
            printf '\n'
        done 2>/dev/null | EXPRESSION=$COMMAND awk '
            { pid = $1; sub(/^[0-9]+ /, ""); sub(/ $/, ""); if ($0 != "" && $0 ~ ENVIRON["EXPRESSION"]) printf "%s ", pid }')"
    fi
    for at in /proc/[0-9]*; do
        fits "${at#/proc/}" && process "${at#/proc/}"
    done
    say none "$hidden"
}

# Lines that every reader takes as one assignment, or as none, are told by their number; of all others
# only how many there are.
file() {
    [ -e "$FILE" ] || {
        case $FILE in */*) above=${FILE%/*} ;; *) above=. ;; esac
        if [ -L "$FILE" ] || [ -x "${above:-/}" ] || [ ! -e "${above:-/}" ]; then say file absent; else say file denied; fi
        return 0
    }
    [ -f "$FILE" ] || { say file other; return 0; }
    [ -r "$FILE" ] || { say file denied; return 0; }
    size=$(wc -c <"$FILE") || { say file denied; return 0; }
    [ "$size" -le 1048576 ] || { say file large; return 0; }
    modified=$(stat -c %Y -- "$FILE" 2>/dev/null || stat -f %m -- "$FILE" 2>/dev/null)
    text=$(tr -d '\000' <"$FILE" | wc -c)
    say file read "${modified:--}" "$([ "$size" -eq "$text" ] && echo text || echo binary)"
    awk -v names="$VARIABLES" '
        BEGIN { count = split(names, list, " "); for (i = 1; i <= count; i++) number[list[i]] = i }
        /^[ \t]*$/ || /^[ \t]*#[^\\\r]*$/ { next }
        /^(export )?[A-Za-z_][A-Za-z0-9_]*=([A-Za-z0-9_.\/:@%+,=?*!-]*|"[A-Za-z0-9_.\/:@%+,=?*!()<>|&;~ -]*"|\047[A-Za-z0-9_.\/:@%+,=?*!()<>|&;~ -]*\047)$/ {
            rest = $0
            exported = sub(/^export /, "", rest)
            name = substr(rest, 1, index(rest, "=") - 1)
            if (!(name in number)) next
            value = substr(rest, index(rest, "=") + 1)
            first = substr(value, 1, 1)
            quote = first == "\"" ? "double" : first == "\047" ? "single" : "none"
            if (quote != "none") value = substr(value, 2, length(value) - 2)
            if (value !~ /^[A-Za-z0-9_.\/:@%+,=-]*$/) { others++; next }
            print "line", NR, number[name], exported, quote
            next
        }
        { others++ }
        END { print "others", others + 0 }' "$FILE" | while read -r what line number exported quote; do
        if [ "$what" = others ]; then say others "$line"; continue; fi
        say line "$line" "$number" "$exported" "$quote" "$(written "$line" | fingerprint)" \
            "$(written "$line" | unquoted | fingerprint)" $(written "$line" | unquoted | facts)
    done
}

# What stands behind the `=` of a line, without the line's end.
written() { sed -n -e "$1{" -e 's/^[^=]*=//p' -e q -e '}' "$FILE" | tr -d '\n'; }
unquoted() { tr -d "\"'"; }

home() { case $1 in '~/'*) printf '%s' "$HOME/${1#'~/'}" ;; *) printf '%s' "$1" ;; esac; }

case $KIND in
file)
    FILE=$(home "$FILE")
    file
    ;;
process)
    PIDFILE=$(home "$PIDFILE") FOLDER=$(home "$FOLDER")
    processes
    ;;
unit)
    command -v systemctl >/dev/null 2>&1 || { say failed systemctl; exit 0; }
    shown=$(systemctl "--$SCOPE" show -p MainPID -p LoadState -- "$UNIT" 2>/dev/null) || { say failed systemd; exit 0; }
    case $shown in *LoadState=not-found*) say failed unit; exit 0 ;; esac
    PID=$(printf '%s\n' "$shown" | sed -n 's/^MainPID=//p')
    UNIT=
    case $PID in '' | 0 | *[!0-9]*) say none 0 ;; *) processes ;; esac
    ;;
esac
# Last, so that its moment is that in which the answer arrives.
say clock "$(date +%s)" "$(cut -d ' ' -f 1 /proc/uptime 2>/dev/null)" "$(getconf CLK_TCK 2>/dev/null || echo 100)"
say done
