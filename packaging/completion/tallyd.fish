# fish completion for tallyd(8)

function __tallyd_instances
    tallyd config dump 2>/dev/null | string match -rg '^\[('$argv[1]'[a-z]*\.[^\]]+)\]'
end

set -l commands run check config plugins once db logs version help
complete -c tallyd -f
complete -c tallyd -s c -l config -r -F -d 'the configuration'
complete -c tallyd -s p -l plugins -r -F -d 'where plugins are'
complete -c tallyd -s h -l help -d 'how it is used'
complete -c tallyd -s V -l version -d 'its version'
complete -c tallyd -n "not __fish_seen_subcommand_from $commands" -a run -d 'collect until told to stop'
complete -c tallyd -n "not __fish_seen_subcommand_from $commands" -a check -d 'verify the configuration'
complete -c tallyd -n "not __fish_seen_subcommand_from $commands" -a config -d 'show what is in effect'
complete -c tallyd -n "not __fish_seen_subcommand_from $commands" -a plugins -d 'list, describe or check plugins'
complete -c tallyd -n "not __fish_seen_subcommand_from $commands" -a once -d 'gather once and print'
complete -c tallyd -n "not __fish_seen_subcommand_from $commands" -a db -d 'tables of a database'
complete -c tallyd -n "not __fish_seen_subcommand_from $commands" -a logs -d 'what containers printed'
complete -c tallyd -n "not __fish_seen_subcommand_from $commands" -a version -d 'the version'
complete -c tallyd -n "not __fish_seen_subcommand_from $commands" -a help -d 'how it is used'
complete -c tallyd -n '__fish_seen_subcommand_from config' -a 'dump explain (__tallyd_instances)'
complete -c tallyd -n '__fish_seen_subcommand_from plugins' -a 'list info check test new' -F
complete -c tallyd -n '__fish_seen_subcommand_from db' -a 'migrate status check confirm-clock refresh (__tallyd_instances output)'
complete -c tallyd -n '__fish_seen_subcommand_from once' -a '(__tallyd_instances input)'
complete -c tallyd -n '__fish_seen_subcommand_from once' -l format -xa 'table ndjson' -d 'how rows are printed'
complete -c tallyd -n '__fish_seen_subcommand_from once' -l samples -x -d 'how often to gather'
complete -c tallyd -n '__fish_seen_subcommand_from logs' -s f -l follow -d 'go on with new lines'
complete -c tallyd -n '__fish_seen_subcommand_from logs' -s n -l tail -x -d 'the last N lines'
complete -c tallyd -n '__fish_seen_subcommand_from logs' -l since -x -d 'lines from then on'
complete -c tallyd -n '__fish_seen_subcommand_from logs' -s l -l level -xa 'trace debug info notice warning error critical' -d 'only of this level'
complete -c tallyd -n '__fish_seen_subcommand_from logs' -s s -l search -x -d 'only with this text'
complete -c tallyd -n '__fish_seen_subcommand_from logs' -s p -l project -x -d 'only of this compose project'
complete -c tallyd -n '__fish_seen_subcommand_from logs' -l json -d 'as JSON'
complete -c tallyd -n '__fish_seen_subcommand_from logs' -l plain -d 'the messages alone'
