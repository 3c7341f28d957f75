/*
 * What all messages have in common.
 */
#include "message.h"

#include <errno.h>
#include <stdlib.h>

void message_done(struct message *message)
{
	for (unsigned i = 0; i < message->n_headers; i++)
		strbuf_done(&message->headers[i]);
	free(message->body);
	*message = (struct message){.n_headers = 0};
}

struct strbuf *message_header(struct message *message)
{
	return message->n_headers < MESSAGE_HEADERS ? &message->headers[message->n_headers++]
						    : NULL;
}

int message_take(struct message *message, struct json_writer *json)
{
	int r = json->error;
	if (r == 0) {
		message->body = json->data;
		message->len = json->len;
		json->data = NULL;
	}
	json_writer_done(json);
	return r;
}
