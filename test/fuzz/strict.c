/*-------------------------------------------------------------------------
 *
 * strict.c
 *	  A second opinion on what JSON is: an automaton with a stack, made from
 *	  the railroad diagrams of json.org, that knows nothing of json.c.
 *
 * It takes byte after byte.  A number has ended when a byte comes that cannot
 * go on with it; that byte is then taken again.
 *
 *-------------------------------------------------------------------------
 */
#include "strict.h"

#include <string.h>

/* More levels than any text that is allowed has. */
#define MAX_LEVELS 200

typedef enum State
{
	WANT_VALUE,
	WANT_VALUE_OR_END,			/* behind "[" */
	WANT_KEY_OR_END,			/* behind "{" */
	WANT_KEY,					/* behind "," in an object */
	WANT_COLON,
	VALUE_ENDED,
	IN_STRING,
	IN_ESCAPE,
	IN_HEX,
	IN_WORD,
	AFTER_MINUS,
	AFTER_ZERO,
	IN_WHOLE,
	AFTER_POINT,
	IN_FRACTION,
	AFTER_E,
	AFTER_E_SIGN,
	IN_EXPONENT,
	WRONG
} State;

typedef struct Automaton
{
	State		state;
	char		stack[MAX_LEVELS];	/* '[' and '{' */
	int			height;
	int			highest;
	bool		is_key;			/* the string */
	int			hex_left;
	const char *word;			/* what is left of it */
} Automaton;

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static State
open_container(Automaton *machine, char c)
{
	if (machine->height == MAX_LEVELS)
		return WRONG;
	machine->stack[machine->height++] = c;
	if (machine->height > machine->highest)
		machine->highest = machine->height;
	return c == '[' ? WANT_VALUE_OR_END : WANT_KEY_OR_END;
}

static State
close_container(Automaton *machine, char opener)
{
	if (machine->height == 0 || machine->stack[machine->height - 1] != opener)
		return WRONG;
	machine->height--;
	return VALUE_ENDED;
}

static State
begin_string(Automaton *machine, bool is_key)
{
	machine->is_key = is_key;
	return IN_STRING;
}

static State
begin_word(Automaton *machine, const char *word)
{
	machine->word = word + 1;
	return IN_WORD;
}

static State
begin_value(Automaton *machine, char c)
{
	switch (c)
	{
		case '[':
		case '{':
			return open_container(machine, c);
		case '"':
			return begin_string(machine, false);
		case '-':
			return AFTER_MINUS;
		case '0':
			return AFTER_ZERO;
		case 't':
			return begin_word(machine, "true");
		case 'f':
			return begin_word(machine, "false");
		case 'n':
			return begin_word(machine, "null");
		default:
			return is_digit(c) ? IN_WHOLE : WRONG;
	}
}

static State
after_value(Automaton *machine, char c)
{
	bool		in_object = machine->height > 0 && machine->stack[machine->height - 1] == '{';

	if (c == ',' && machine->height > 0)
		return in_object ? WANT_KEY : WANT_VALUE;
	if (c == ']' || c == '}')
		return close_container(machine, c == ']' ? '[' : '{');
	return WRONG;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Between the tokens. */
static State
step_between(Automaton *machine, char c)
{
	if (is_blank(c))
		return machine->state;
	switch (machine->state)
	{
		case WANT_VALUE_OR_END:
			return c == ']' ? close_container(machine, '[') : begin_value(machine, c);
		case WANT_KEY_OR_END:
			return c == '}' ? close_container(machine, '{') : c == '"' ? begin_string(machine, true) : WRONG;
		case WANT_KEY:
			return c == '"' ? begin_string(machine, true) : WRONG;
		case WANT_COLON:
			return c == ':' ? WANT_VALUE : WRONG;
		case VALUE_ENDED:
			return after_value(machine, c);
		default:
			return begin_value(machine, c);
	}
}

static State
step_string(Automaton *machine, char c)
{
	switch (machine->state)
	{
		case IN_ESCAPE:
			machine->hex_left = 4;
			return c == 'u' ? IN_HEX : c != '\0' && strchr("\"\\/bfnrt", c) ? IN_STRING : WRONG;
		case IN_HEX:
			if (c == '\0' || strchr("0123456789abcdefABCDEF", c) == NULL)
				return WRONG;
			return --machine->hex_left == 0 ? IN_STRING : IN_HEX;
		default:
			if (c == '"')
				return machine->is_key ? WANT_COLON : VALUE_ENDED;
			return c == '\\' ? IN_ESCAPE : (unsigned char) c < 0x20 ? WRONG : IN_STRING;
	}
}

static State
step_word(Automaton *machine, char c)
{
	if (c != *machine->word)
		return WRONG;
	return *++machine->word == '\0' ? VALUE_ENDED : IN_WORD;
}

/* In a number; what cannot go on with one that may end is taken as next. */
static State
step_number(Automaton *machine, char c)
{
	switch (machine->state)
	{
		case AFTER_MINUS:
			return c == '0' ? AFTER_ZERO : is_digit(c) ? IN_WHOLE : WRONG;
		case AFTER_POINT:
			return is_digit(c) ? IN_FRACTION : WRONG;
		case AFTER_E:
			return c == '+' || c == '-' ? AFTER_E_SIGN : is_digit(c) ? IN_EXPONENT : WRONG;
		case AFTER_E_SIGN:
			return is_digit(c) ? IN_EXPONENT : WRONG;
		default:
			break;
	}
	if (is_digit(c) && machine->state != AFTER_ZERO)
		return machine->state;
	if (c == '.' && (machine->state == AFTER_ZERO || machine->state == IN_WHOLE))
		return AFTER_POINT;
	if ((c == 'e' || c == 'E') && machine->state != IN_EXPONENT)
		return AFTER_E;
	machine->state = VALUE_ENDED;
	return step_between(machine, c);
}

static bool
may_end(State state)
{
	return state == VALUE_ENDED || state == AFTER_ZERO || state == IN_WHOLE ||
		state == IN_FRACTION || state == IN_EXPONENT;
}

bool
strict_json(const char *text, size_t len, int *levels)
{
	Automaton	machine = {.state = WANT_VALUE};

	for (size_t i = 0; i < len && machine.state != WRONG; i++)
	{
		if (machine.state >= AFTER_MINUS)
			machine.state = step_number(&machine, text[i]);
		else if (machine.state == IN_WORD)
			machine.state = step_word(&machine, text[i]);
		else if (machine.state >= IN_STRING)
			machine.state = step_string(&machine, text[i]);
		else
			machine.state = step_between(&machine, text[i]);
	}
	*levels = machine.highest;
	return machine.height == 0 && may_end(machine.state);
}
