/*
 * See follow_state.h.
 *
 *                     INSPECT     READING     IDLE        RETRY       UNREADABLE  REMOVED
 *  STARTED            =           =           INSPECT     INSPECT     =           =
 *  DESTROYED          REMOVED     = (1)       REMOVED     REMOVED     REMOVED     =
 *  EXCLUDED           REMOVED     –           –           –           –           –
 *  NEVER_RAN          IDLE        –           –           –           –           –
 *  NOT_INSPECTED      RETRY       =           =           =           =           =
 *  OPENED             READING     = (2)       –           –           –           –
 *  DUE                –           –           –           INSPECT     –           –
 *  SUSPENDED          =           INSPECT     =           INSPECT     =           =
 *
 *  CLOSED             –           INSPECT, which shows whether the container runs
 *  END                –           IDLE
 *  FOREIGN            –           INSPECT, which opens the API instead
 *  NOT_FOUND          –           REMOVED
 *  UNREADABLE         UNREADABLE  UNREADABLE
 *  REFUSED            RETRY       RETRY       from the last line accepted
 *  FAILED             RETRY       RETRY       likewise
 *  GARBAGE            –           RETRY       likewise
 *  LOST               RETRY in any state      from the position that is safe in the buffer
 *
 *  =: stays; –: does not happen.
 *  (1) What it wrote last is still to be read, then it is NOT_FOUND.
 *  (2) After LOG_WIDEN: a new stream, further back.
 */
#include "follow_state.h"

enum follow_state follow_next(enum follow_state now, int input)
{
	switch (input) {
	case FOLLOW_STARTED:
		return now == FOLLOW_IDLE || now == FOLLOW_RETRY ? FOLLOW_INSPECT : now;
	case FOLLOW_DESTROYED:
		return now == FOLLOW_READING ? now : FOLLOW_REMOVED;
	case FOLLOW_NOT_INSPECTED:
		return now == FOLLOW_INSPECT ? FOLLOW_RETRY : now;
	case FOLLOW_SUSPENDED:
		return now == FOLLOW_READING || now == FOLLOW_RETRY ? FOLLOW_INSPECT : now;
	case FOLLOW_DUE:
	case FOLLOW_CLOSED:
	case LOG_FOREIGN:
		return FOLLOW_INSPECT;
	case FOLLOW_OPENED:
		return FOLLOW_READING;
	case FOLLOW_NEVER_RAN:
	case LOG_END:
		return FOLLOW_IDLE;
	case FOLLOW_EXCLUDED:
	case LOG_NOT_FOUND:
		return FOLLOW_REMOVED;
	case LOG_UNREADABLE:
		return FOLLOW_UNREADABLE;
	case LOG_REFUSED:
	case LOG_FAILED:
	case LOG_GARBAGE:
	case LOG_LOST:
		return FOLLOW_RETRY;
	default: /* LOG_MORE */
		return now;
	}
}
