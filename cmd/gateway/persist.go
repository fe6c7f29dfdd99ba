package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"

	"gateway/broker"
	"gateway/broker/store"
	"gateway/cmd/gateway/internal/dashboard/answer"
)

// openStore opens the store that the configuration asks for, nil if it asks for
// none.
func openStore(cfg store.Config, log *slog.Logger) (*store.Disk, error) {
	if !cfg.Enabled {
		return nil, nil
	}
	dir, err := cfg.Folder()
	if err != nil {
		return nil, &statusError{err: fmt.Errorf("persistence.%w", err), status: exitConfig}
	}
	d, err := store.Open(dir, store.Options{
		Interval: cfg.Interval, CommitDelay: cfg.CommitDelay,
		MaxBytes: cfg.MaxBytes, MinFree: cfg.MinFree, Log: log,
	})
	var used *store.InUseError
	var newer *store.NewerError
	switch {
	case err == nil:
	case cfg.Path == "" && !errors.As(err, &used) && !errors.As(err, &newer):
		// Nobody has asked for that folder: better a gateway that forgets than none.
		log.Error("nothing outlives a restart: there is no place for it; set persistence.path", "error", err)
		return nil, nil
	default:
		return nil, &statusError{err: fmt.Errorf("persistence.path: %w", err), status: exitConfig}
	}
	log.Info("state is kept", "folder", dir)
	// Where there is one processor, Go would let nobody work during a write to the
	// disk: nothing would ever share one. Measured with 100 publishers, 3,000
	// messages a second in place of 98,000.
	if runtime.GOMAXPROCS(0) == 1 && os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(2)
	}
	return d, nil
}

// persistence is where the broker keeps its state.
func (g *gateway) persistence() broker.Persistence {
	if g.store == nil {
		return broker.Persistence{} // no store, rather than one that is nil
	}
	return broker.Persistence{Store: g.store, Sync: g.cfg().Persistence.Interval == 0}
}

// stateFolder is where sensors keep what outlives a restart, within the folder
// of the store, which looks at no folders; "" if nothing does.
func (g *gateway) stateFolder(name string) string {
	if g.store == nil {
		return ""
	}
	dir, err := g.cfg().Persistence.Folder()
	if err != nil {
		return "" // the store could not be open
	}
	return filepath.Join(dir, name)
}

// close gives back what outlives the parts.
func (g *gateway) close() error {
	err := g.closeHistory()
	if g.store == nil {
		return err
	}
	if err := g.store.Close(); err != nil {
		return errors.Join(err, fmt.Errorf("close the store: %w", err))
	}
	return err
}

// alarms are what of the gateway needs a person.
func (g *gateway) alarms() (all []error) {
	if len(g.sensors) > 0 && !g.sensors[0].ClockSynced() {
		all = append(all, answer.Say("alarm.clock", "The clock of this machine is not set: times are wrong until it is. Connect it to a network with a time server; timedatectl says whether one was heard. Readings are marked, and corrected later."))
	}
	if g.store == nil {
		if g.cfg().Persistence.Enabled {
			all = append(all, answer.Say("alarm.nofolder", "Nothing outlives a restart: there is no folder to keep it in. Set persistence.path."))
		}
		return all
	}
	st := g.store.Stats()
	if st.Failure != nil {
		all = append(all, answer.Say("alarm.store", "The store cannot be written since {time}: {why}. Readings go on in memory; what has to be stored is not acknowledged.",
			st.Since.Format("2006-01-02 15:04:05"), st.Failure))
	}
	if n := st.Damaged; n > 0 {
		all = append(all, answer.Say("alarm.damaged", "The store could not be read in whole when the gateway started ({n} damaged parts). Everything else is there; the log says what is not, and the files are kept.", n))
	}
	return all
}
