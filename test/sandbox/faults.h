/*-------------------------------------------------------------------------
 *
 * faults.h
 *	  Ways to misbehave, set by tests over the control endpoint.
 *
 * A kind of fault acts in one or more of four places: it bends the View the
 * answer is rendered with, replaces the answer, alters the finished one, or
 * changes how it is delivered.  kinds[] in faults.c says which.
 *
 * Not locked: the caller sees to it that one thread at a time is in here.
 *-------------------------------------------------------------------------
 */
#ifndef SANDBOX_FAULTS_H
#define SANDBOX_FAULTS_H

#include "answer.h"
#include "json.h"
#include "render.h"

typedef enum Delivery
{
	DELIVER_WHOLE,
	DELIVER_DELAYED,			/* whole, delay_ms later */
	DELIVER_NEVER,
	DELIVER_TRICKLED,			/* one byte each delay_ms */
	DELIVER_HALF,				/* then close */
	DELIVER_HUGE,				/* fault_size() bytes, made while sent */
	DELIVER_RESET,				/* RST instead of an answer */
	DELIVER_CLOSE,				/* FIN instead of an answer */
} Delivery;

typedef struct Fault Fault;

/*
 * Set a fault from its JSON description.  Answers its number, or 0 and what
 * is wrong in *problem.
 */
extern int	faults_set(json_object *spec, Text *problem);

extern void faults_clear(void);

/*
 * The fault which hits this request, or NULL.  Every call counts as one
 * request for every fault that matches it.  The result stays valid, also
 * when the faults are cleared, until it is released.
 */
extern Fault *faults_hit(const char *method, const char *path,
						 const char *query);

extern void fault_release(Fault *fault);

extern Delivery fault_delivery(const Fault *fault);
extern int64_t fault_delay_ms(const Fault *fault);
extern int64_t fault_size(const Fault *fault);

/* True if the fault made the whole answer, and the request has no effect. */
extern bool fault_replace(const Fault *fault, Answer *answer);

extern void fault_bend(const Fault *fault, View *view);
extern void fault_alter(const Fault *fault, Answer *answer);

#endif							/* SANDBOX_FAULTS_H */
