-- What private memory a job of the extension takes, in a session of its own and
-- not timed.  Variable: job.

\o /dev/null
SELECT s.prepare, s.work FROM bench.side s WHERE s.job = :'job' AND s.place = 0 \gset
:prepare;
\connect
SELECT format('COPY (SELECT pg_backend_pid()) TO PROGRAM %L', format('%s/peak_memory %s', :'programs', bench.path('peak'))) \gexec
:work;
SELECT format('COPY bench.memory FROM PROGRAM %L', format('printf "%s\t"; cat %s', :'job', bench.path('peak'))) \gexec
\o
