/*-------------------------------------------------------------------------
 *
 * upload.h
 *	  COPY calpads.upload FROM STDIN WITH (FORMAT calpads, NAME '…').
 *
 *-------------------------------------------------------------------------
 */
#ifndef CALPADS_UPLOAD_H
#define CALPADS_UPLOAD_H

#include "postgres.h"

#include "nodes/parsenodes.h"

/*
 * Stores the bytes that the client sends as one row of calpads.upload and
 * gives the number of rows.  Needs the rights to insert there and to read, because
 * a notice tells the number of the upload.
 */
extern uint64 upload_receive(const CopyStmt *stmt);

#endif							/* CALPADS_UPLOAD_H */
