#include "commands/command.h"

int main(int argc, char **argv)
{
	return command_dispatch(argc, argv);
}
