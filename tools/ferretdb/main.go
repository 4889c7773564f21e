// Command ferretdb serves the MongoDB wire protocol from a directory of SQLite
// files, for an embedded start of Berth. FerretDB's own command cannot be built
// as a dependency (it wants a generated version file), so this uses its
// embeddable package, which has no telemetry. The flags are a subset of FerretDB's own.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/FerretDB/FerretDB/ferretdb"
)

const module = "github.com/FerretDB/FerretDB"

func main() {
	listen := flag.String("listen-addr", "127.0.0.1:27017", "address to serve on")
	handler := flag.String("handler", "sqlite", "backend")
	sqliteURL := flag.String("sqlite-url", "", "directory of the SQLite files, for instance file:data/")
	flag.String("state-dir", "", "taken and ignored: nothing is kept there")
	flag.String("debug-addr", "", "taken and ignored: there is no debug server")
	flag.String("telemetry", "disable", "taken and ignored: there is no telemetry")
	showVersion := flag.Bool("version", false, "print the version")
	flag.Parse()
	if *showVersion {
		fmt.Println("version:", version())
		return
	}

	indexes, err := newIDIndexes(*sqliteURL)
	if err != nil {
		log.Fatalf("ferretdb: %v", err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// What is large already is mended while nobody waits for it.
	indexes.look(ctx)
	server, err := ferretdb.New(&ferretdb.Config{
		Listener:  ferretdb.ListenerConfig{TCP: *listen},
		Handler:   *handler,
		SQLiteURL: *sqliteURL,
	})
	if err != nil {
		log.Fatalf("ferretdb: %v", err)
	}
	go indexes.keep(ctx)
	if err := server.Run(ctx); err != nil && ctx.Err() == nil {
		log.Fatalf("ferretdb: %v", err)
	}
}

func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, dependency := range info.Deps {
		if dependency.Path == module {
			return dependency.Version
		}
	}
	return "unknown"
}
