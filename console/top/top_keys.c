/* What keys do: in the filter, in the help, in one container's detail, in the table. */
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/utf8.h"
#include "terminal/screen.h"
#include "top/top.h"

/* ---- The filter ------------------------------------------------------------------------ */

static void filter_erase(char *filter)
{
	size_t len = strlen(filter);
	while (len > 0 && (filter[len - 1] & 0xc0) == 0x80)
		len--;
	if (len > 0)
		filter[len - 1] = '\0';
}

static void filter_add(char *filter, unsigned key)
{
	char bytes[5] = "";
	size_t len = strlen(filter);
	if (key < 0x80)
		snprintf(bytes, sizeof(bytes), "%c", (char)key);
	else if (key < 0x800)
		snprintf(bytes, sizeof(bytes), "%c%c", (char)(0xc0 | key >> 6),
			 (char)(0x80 | (key & 0x3f)));
	else if (key < 0x10000)
		snprintf(bytes, sizeof(bytes), "%c%c%c", (char)(0xe0 | key >> 12),
			 (char)(0x80 | (key >> 6 & 0x3f)), (char)(0x80 | (key & 0x3f)));
	if (len + strlen(bytes) < TABLE_FILTER_SIZE && utf8_valid(bytes, strlen(bytes)))
		snprintf(filter + len, TABLE_FILTER_SIZE - len, "%s", bytes);
}

static void filter_key(struct top *top, unsigned key)
{
	switch (key) {
	case KEY_ENTER_:
		top->filtering = false;
		return;
	case KEY_ESCAPE_:
		snprintf(top->view.filter, sizeof(top->view.filter), "%s", top->filter_before);
		top->filtering = false;
		return;
	case KEY_ERASE_:
		filter_erase(top->view.filter);
		return;
	case 'u' - 'a' + 1: /* control U */
		top->view.filter[0] = '\0';
		return;
	default:
		if (key >= ' ' && key < KEY_NONE_)
			filter_add(top->view.filter, key);
	}
}

/* ---- Detail ------------------------------------------------------------------------------ */

static void detail_key(struct top *top, unsigned key)
{
	size_t page = screen_height() / 3;
	switch (key) {
	case KEY_ESCAPE_:
	case KEY_LEFT_:
	case KEY_ERASE_:
		detail_destroy(top->detail);
		top->detail = NULL;
		return;
	case '[':
	case '-':
		detail_zoom(top->detail, 1);
		return;
	case ']':
	case '+':
		detail_zoom(top->detail, -1);
		return;
	case KEY_UP_:
	case 'k':
		top->log_back++;
		break;
	case KEY_PAGE_UP_:
		top->log_back += page;
		break;
	case KEY_DOWN_:
	case 'j':
		top->log_back -= top->log_back > 0;
		break;
	case KEY_PAGE_DOWN_:
		top->log_back -= top->log_back > page ? page : top->log_back;
		break;
	case KEY_END_:
	case 'G':
		top->log_back = 0;
		break;
	default:
		break;
	}
	if (top->log_back >= top->detail->log.n)
		top->log_back = top->detail->log.n ? top->detail->log.n - 1 : 0;
}

/* ---- The table ------------------------------------------------------------------------------ */

static const struct table_item *top_item(const struct top *top)
{
	return top->at < top->table.n_items ? &top->table.items[top->at] : NULL;
}

static void top_fold_here(struct top *top)
{
	const struct table_item *item = top_item(top);
	if (!item || !top->table.grouped)
		return;
	const char *project = item->container ? item->container->texts[MODEL_PROJECT] : item->group;
	table_fold(&top->view, project ? project : "");
	/* The cursor goes to the head, which stays. */
	top->at_key = hash_text(1, project ? project : "");
	top->sort_due = true;
}

static void top_open(struct top *top, struct client *client)
{
	const struct table_item *item = top_item(top);
	if (!item)
		return;
	if (!item->container) {
		top_fold_here(top);
		return;
	}
	top->log_back = 0;
	top->detail = detail_create(client, item->container->texts[MODEL_HOST],
				    item->container->texts[MODEL_ID]);
}

static void top_move(struct top *top, long step)
{
	long last = (long)top->table.n_items - 1;
	long to = (long)top->at + step;
	to = to > last ? last : to;
	top->at = to < 0 ? 0 : (size_t)to;
	top->at_key = 0;
}

static void top_sort(struct top *top, int step)
{
	top->view.sort = (top->view.sort + step + TABLE_COLUMNS) % TABLE_COLUMNS;
	top->view.down = table_is_number(top->view.sort);
	top->sort_due = true;
}

static bool top_key_moves(struct top *top, unsigned key)
{
	long page = (long)screen_height() - 4;
	static const struct {
		unsigned key, as;
	} letters[] = {{'j', KEY_DOWN_}, {'k', KEY_UP_}, {'g', KEY_HOME_}, {'G', KEY_END_}};
	for (size_t i = 0; i < sizeof(letters) / sizeof(*letters); i++)
		if (key == letters[i].key)
			key = letters[i].as;
	switch (key) {
	case KEY_UP_:
		top_move(top, -1);
		return true;
	case KEY_DOWN_:
		top_move(top, 1);
		return true;
	case KEY_PAGE_UP_:
		top_move(top, -page);
		return true;
	case KEY_PAGE_DOWN_:
		top_move(top, page);
		return true;
	case KEY_HOME_:
		top_move(top, -(long)MODEL_MAX_CONTAINERS * 2);
		return true;
	case KEY_END_:
		top_move(top, (long)MODEL_MAX_CONTAINERS * 2);
		return true;
	default:
		return false;
	}
}

static void top_table_key(struct top *top, struct client *client, unsigned key)
{
	switch (key) {
	case '/':
		top->filtering = true;
		snprintf(top->filter_before, sizeof(top->filter_before), "%s", top->view.filter);
		return;
	case KEY_ESCAPE_:
		top->view.filter[0] = '\0';
		return;
	case '<':
		top_sort(top, -1);
		return;
	case '>':
		top_sort(top, 1);
		return;
	case 'r':
		top->view.down = !top->view.down;
		top->sort_due = true;
		return;
	case 't':
		top->view.tree = !top->view.tree;
		top->sort_due = true;
		return;
	case ' ':
		top_fold_here(top);
		return;
	case KEY_ENTER_:
	case KEY_RIGHT_:
	case 'o':
		top_open(top, client);
		return;
	default:
		top_key_moves(top, key);
	}
}

void top_key(struct top *top, struct client *client, unsigned key)
{
	if (top->filtering) {
		filter_key(top, key);
		top->sort_due = true;
		return;
	}
	if (top->help) {
		top->help = key == KEY_RESIZED_ || key == KEY_REDRAW_;
		return;
	}
	if (key == 'q')
		top->quit = true;
	else if (key == '?')
		top->help = true;
	else if (key == 'R')
		feed_again(&top->feed);
	else if (top->detail)
		detail_key(top, key);
	else
		top_table_key(top, client, key);
}
