# Writes a user's crontab with our block in it once: the lines that are there without the block, then the block.
#   crontab -l | awk -f crontab.awk BLOCK -
# With -v drop=1 the block is left out. Its first and last line say what to look for. Where the last one is missing in
# the crontab nothing is taken away: the lines behind it may be the user's own.
FILENAME == ARGV[1] {
    if (block == "") first = $0
    last = $0
    block = block $0 "\n"
    next
}
inside {
    held = held $0 "\n"
    if ($0 == last) {
        inside = 0
        held = ""
    }
    next
}
$0 == first {
    inside = 1
    held = $0 "\n"
    next
}
{ print }
END {
    printf "%s", held
    if (!drop) printf "%s", block
}
