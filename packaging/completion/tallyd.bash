# bash completion for tallyd(8)

_tallyd_instances() {
	tallyd "${_tallyd_config[@]}" config dump 2>/dev/null |
		sed -n 's/^\[\([a-z]*\.[^]]*\)\].*/\1/p'
}

_tallyd() {
	local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
	local commands='run check config plugins once db logs version help' command='' words='' i
	local _tallyd_config=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-c | --config) _tallyd_config=(-c "${COMP_WORDS[++i]}") ;;
		-p | --plugins) ((i++)) ;;
		-*) ;;
		*) command=${COMP_WORDS[i]} && break ;;
		esac
	done
	case $previous in
	-c | --config | -p | --plugins) words=files ;;
	--format) words='table ndjson' ;;
	--level) words='trace debug info notice warning error critical' ;;
	--color) words='always never auto' ;;
	--token-file | --cacert) words=files ;;
	esac
	if [ -z "$words" ]; then
		case $command:$previous in
		:*) words="$commands -c -p --help --version" ;;
		config:config) words='dump explain' ;;
		plugins:plugins) words='list info check test new' ;;
		plugins:info) words=$(tallyd "${_tallyd_config[@]}" plugins list 2>/dev/null | sed -n 's/^\([a-z_0-9]\+\) .*/\1/p') ;;
		plugins:check | plugins:test | plugins:--config) words=files ;;
		plugins:new) words='' ;;
		plugins:--kind) words='input output buffer' ;;
		plugins:--build) words='cmake make both' ;;
		plugins:--dir) words=files ;;
		plugins:*) case " ${COMP_WORDS[*]} " in *' new '*) words='--kind --dir --build' ;; *' test '*) words='--config --kind --timeout --json' ;; esac ;;
		db:db) words='migrate status check confirm-clock refresh' ;;
		config:*) words=$(_tallyd_instances) ;;
		db:*) words=$(_tallyd_instances | grep '^output') ;;
		logs:*) words='--follow --tail --since --level --search --project --host --plain --json --color --url --token-file --cacert' ;;
		once:*) words="$(_tallyd_instances | grep '^input') --format --samples" ;;
		esac
	fi
	if [ "$words" = files ]; then
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$current")
	else
		mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
	fi
}

complete -F _tallyd tallyd
