/*
 * `tallyd run`: the daemon, in the foreground.
 *
 * It does not fork: service managers and containers want a process that stays (systemd's
 * Type=notify), and a pid file would be one more thing that can be wrong.
 */
#include "commands/command.h"
#include "runtime/daemon.h"

int command_run(const struct command_line *line)
{
	return daemon_run(line->config_path, line->plugin_dir);
}
