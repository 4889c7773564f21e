package main

import (
	"context"
	"database/sql"
	"fmt"
	"log"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// FerretDB 1.24 makes the index of `_id` on one expression and asks by another
// one, which SQLite takes for something else: it reads the whole collection to
// find one document. So the index is made anew, under its name and as unique as
// it was, on the expression that is asked by. FerretDB knows indexes by name.
const (
	madeOn  = `_ferretdb_sjson->"_id"`
	askedBy = `_ferretdb_sjson->'$._id'`
)

// How often collections that were made meanwhile are looked for. Until then
// they are small, and read as a whole.
const lookInterval = 500 * time.Millisecond

// idIndexes mends the databases of one directory.
type idIndexes struct {
	directory string
	query     string
	// What a database's files looked like when all was well with it.
	seen    map[string]string
	problem string
}

// newIDIndexes takes the URL that FerretDB gets.
func newIDIndexes(sqliteURL string) (*idIndexes, error) {
	parsed, err := url.Parse(sqliteURL)
	if err != nil {
		return nil, err
	}
	directory := parsed.Path
	if directory == "" {
		directory = parsed.Opaque
	}
	values := parsed.Query()
	// Waits for whoever writes; never makes a file that was removed meanwhile;
	// and has the write lock from the start, so that it cannot lose it half-way.
	values.Add("_pragma", "busy_timeout(10000)")
	values.Set("mode", "rw")
	values.Set("_txlock", "immediate")
	return &idIndexes{directory: directory, query: values.Encode(), seen: map[string]string{}}, nil
}

// keep mends what comes, until the end. It never fails: a server without it is
// slow, and nothing else.
func (i *idIndexes) keep(ctx context.Context) {
	ticker := time.NewTicker(lookInterval)
	defer ticker.Stop()
	for {
		i.look(ctx)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// look mends every database that has changed since it was well.
func (i *idIndexes) look(ctx context.Context) {
	files, _ := filepath.Glob(filepath.Join(i.directory, "*.sqlite"))
	for _, file := range files {
		now := stateOf(file)
		if i.seen[file] == now {
			continue
		}
		if err := i.mend(ctx, file); err != nil {
			i.report(ctx, file, err)
			continue
		}
		i.seen[file] = now
	}
}

// stateOf changes with every write: those go to the log first, and then to the file.
func stateOf(file string) string {
	var state strings.Builder
	for _, name := range []string{file, file + "-wal"} {
		if info, err := os.Stat(name); err == nil {
			fmt.Fprintf(&state, "%d/%d ", info.Size(), info.ModTime().UnixNano())
		}
	}
	return state.String()
}

// report says the same only once in a row: what does not work is tried twice a second.
func (i *idIndexes) report(ctx context.Context, file string, err error) {
	problem := fmt.Sprintf("the index of _id in %s stays as it is: %v", filepath.Base(file), err)
	if ctx.Err() == nil && problem != i.problem {
		log.Print(problem)
	}
	i.problem = problem
}

func (i *idIndexes) mend(ctx context.Context, file string) error {
	db, err := sql.Open("sqlite", (&url.URL{Scheme: "file", OmitHost: true, Path: file, Opaque: file, RawQuery: i.query}).String())
	if err != nil {
		return err
	}
	defer db.Close()
	statements, err := indexesToMake(ctx, db)
	for name, statement := range statements {
		if err = replaceIndex(ctx, db, name, statement); err != nil {
			break
		}
	}
	return err
}

// indexesToMake answers, by name, the statements that make the indexes that are not as they should be.
func indexesToMake(ctx context.Context, db *sql.DB) (map[string]string, error) {
	rows, err := db.QueryContext(ctx, `SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql LIKE 'CREATE UNIQUE INDEX %'`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	statements := map[string]string{}
	for rows.Next() {
		var name, statement string
		if err := rows.Scan(&name, &statement); err != nil {
			return nil, err
		}
		if start, found := strings.CutSuffix(statement, "("+madeOn+")"); found {
			statements[name] = start + "(" + askedBy + ")"
		}
	}
	return statements, rows.Err()
}

// replaceIndex is one transaction, so that no moment is without a unique index.
func replaceIndex(ctx context.Context, db *sql.DB, name, statement string) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.ExecContext(ctx, fmt.Sprintf("DROP INDEX %q", name)); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, statement); err != nil {
		return err
	}
	return tx.Commit()
}
