# calpads: California's state reporting inside the district's own database
#
#   make, make install   build and install the extension (PGXS)
#   make installcheck    regression tests against the running server
#   make deps            install the Debian packages that are missing
#   make test            deps, builds, and every test, in a private cluster
#   make demo            deps, install, and one real case, shown step by step
#   make bench           deps, install, and how fast it is, beside plain SQL
#                        (BENCH_ROWS="100000 1000000" BENCH_PAIRS=5)
#   make bench-state     the same start, and a whole state in one database
#                        (BENCH_STUDENTS=6000000 BENCH_LEAS=40)
#
# The last five start from a machine without PostgreSQL, so PGXS is included
# only where it is found.

EXTENSION = calpads
MODULE_big = calpads
OBJS = \
	src/arena.o \
	src/balance.o \
	src/calpads.o \
	src/change_log.o \
	src/comparison.o \
	src/copy_format.o \
	src/csv_record.o \
	src/delta.o \
	src/dispatch.o \
	src/enrollment.o \
	src/extract.o \
	src/extract_zip.o \
	src/fdw.o \
	src/field.o \
	src/file_source.o \
	src/free_form.o \
	src/header_row.o \
	src/import_folder.o \
	src/key_set.o \
	src/layout.o \
	src/layout_catalog.o \
	src/line_writer.o \
	src/load.o \
	src/load_rows.o \
	src/new_file.o \
	src/operation.o \
	src/picture.o \
	src/picture_columns.o \
	src/picture_row.o \
	src/picture_side.o \
	src/plain_name.o \
	src/process.o \
	src/program.o \
	src/program_book.o \
	src/program_waits.o \
	src/query.o \
	src/read_rows.o \
	src/reader.o \
	src/reconcile.o \
	src/reconcile_sprg.o \
	src/record.o \
	src/rehearsal.o \
	src/rehearse.o \
	src/rehearse_senr.o \
	src/rehearse_sprg.o \
	src/row_places.o \
	src/row_writer.o \
	src/rule.o \
	src/rule_beside.o \
	src/rule_book.o \
	src/rule_enrollment.o \
	src/rule_fields.o \
	src/rule_person.o \
	src/rule_program.o \
	src/rule_school.o \
	src/school_directory.o \
	src/server_reader.o \
	src/settle.o \
	src/side_worker.o \
	src/single_record.o \
	src/stays.o \
	src/story.o \
	src/story_sprg.o \
	src/upload.o \
	src/wave.o \
	src/wrong_cell.o
DATA = calpads--1.0.sql
REFERENCE_DATA = $(wildcard src/data/*.tsv)
SHLIB_LINK = -lcsv -lminizip

# SFTP and SMTP are a library of their own, so that only sessions that use them
# load libcurl and all it needs.  Without libcurl, or with one that cannot pin an
# SSH host by SHA-256, or with WITHOUT_CURL=1, their functions say what is missing.
TRANSPORT_OBJS = \
	src/plain_name.o \
	src/transport_server.o
CURL_CONFIG ?= curl-config
CURL_LIBS := $(if $(WITHOUT_CURL),,$(shell $(CURL_CONFIG) --checkfor 7.85.0 >/dev/null 2>&1 && $(CURL_CONFIG) --libs))
ifneq ($(CURL_LIBS),)
TRANSPORT_OBJS += \
	src/mail_header.o \
	src/sftp.o \
	src/smtp.o \
	src/transfer.o
src/sftp.o src/smtp.o src/transfer.o: PG_CPPFLAGS += $(shell $(CURL_CONFIG) --cflags)
else
TRANSPORT_OBJS += \
	src/transport_missing.o
endif
EXTRA_CLEAN = calpads_transport.so src/mail_header.o src/sftp.o src/smtp.o src/transfer.o \
	src/transport_missing.o src/transport_server.o

# The server's headers have unused parameters of their own, and its flags ask
# for the declarations of C89.  make WERROR= lets a newer compiler pass.
WERROR = -Werror
PG_CFLAGS = -std=gnu11 -Wall -Wextra $(WERROR) -Wvla -Wshadow -Wmissing-prototypes \
	-Wno-unused-parameter -Wno-declaration-after-statement
# The server was compiled by gcc: clang does not know all of its flags.
ifneq ($(findstring clang,$(CC)),)
PG_CFLAGS += -Wno-unknown-warning-option -Wno-ignored-optimization-argument -Wno-ignored-attributes
endif

REGRESS := $(sort $(patsubst sql/%.sql,%,$(wildcard sql/*.sql)))
REGRESS_OPTS = --load-extension=calpads
ISOLATION := $(sort $(patsubst test/specs/%.spec,%,$(wildcard test/specs/*.spec)))
ISOLATION_OPTS = --inputdir=test --load-extension=calpads

PG_CONFIG ?= pg_config
PGXS := $(wildcard $(shell $(PG_CONFIG) --pgxs 2>/dev/null))
.DEFAULT_GOAL := all
.PHONY: deps test demo bench bench-state

deps:
	@test/deps

test:
	@test/run

demo:
	@test/demo

bench:
	@test/bench/run

bench-state:
	@test/bench/run state

ifneq ($(PGXS),)
include $(PGXS)
.PHONY: install-reference-data uninstall-reference-data install-transport uninstall-transport

$(OBJS) $(TRANSPORT_OBJS): $(wildcard src/*.h)

TRANSPORT = calpads_transport$(DLSUFFIX)
all: $(TRANSPORT)
$(TRANSPORT): $(TRANSPORT_OBJS)
	$(CC) $(CFLAGS) -shared -o $@ $^ $(LDFLAGS) $(LDFLAGS_SL) $(CURL_LIBS)

install: install-transport
install-transport: $(TRANSPORT)
	$(MKDIR_P) '$(DESTDIR)$(pkglibdir)'
	$(INSTALL_SHLIB) $(TRANSPORT) '$(DESTDIR)$(pkglibdir)/'

uninstall: uninstall-transport
uninstall-transport:
	rm -f '$(DESTDIR)$(pkglibdir)/$(TRANSPORT)'

install: install-reference-data
install-reference-data:
	$(MKDIR_P) '$(DESTDIR)$(datadir)/$(EXTENSION)'
	$(INSTALL_DATA) $(REFERENCE_DATA) '$(DESTDIR)$(datadir)/$(EXTENSION)/'

uninstall: uninstall-reference-data
uninstall-reference-data:
	rm -rf '$(DESTDIR)$(datadir)/$(EXTENSION)'
else
.PHONY: all install installcheck uninstall clean
all install installcheck uninstall clean:
	@echo "$@ needs the server's development files: run 'make deps', or name them by PG_CONFIG=/path/to/pg_config" >&2
	@false
endif
