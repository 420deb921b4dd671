/*-------------------------------------------------------------------------
 *
 * delivery.h
 *	  Putting an answer on the wire, well or badly.
 *-------------------------------------------------------------------------
 */
#ifndef SANDBOX_DELIVERY_H
#define SANDBOX_DELIVERY_H

#include "answer.h"
#include "faults.h"
#include "wait.h"

/*
 * Send the answer, whose body is ours from here on, in the way the fault has
 * it (NULL: well).  The wait is used while a trickled body pauses; it must
 * live as long as the request.
 */
extern enum MHD_Result deliver(struct MHD_Connection *connection,
							   Answer *answer, const Fault *fault, Wait *wait);

/* Close the TCP connection with a reset, now. */
extern void deliver_reset(struct MHD_Connection *connection);

#endif							/* SANDBOX_DELIVERY_H */
