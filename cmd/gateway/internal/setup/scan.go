package setup

import (
	"net/http"
	"slices"
	"strings"

	"gateway/cmd/gateway/internal/dashboard/answer"
	"gateway/cmd/gateway/internal/doctor"
	"gateway/sensors"
	"gateway/sensors/bus"
	"gateway/sensors/driver"
	"gateway/sensors/scan"
)

// Found is what a scan has found.
type Found struct {
	Board    string    `json:"board"` // what the machine says it is, "" if it is no board that is known
	Pi       bool      `json:"pi"`
	Demo     bool      `json:"demo"` // there is a simulated house
	Places   []Place   `json:"places"`
	Problems []Problem `json:"problems"` // what is off or may not be used, with what mends it
	Errors   []string  `json:"errors"`   // about buses that could not be looked at
}

// Place is where something is.
type Place struct {
	Kind       string      `json:"kind"` // "i2c", "1-wire", "spi", "serial", "sysfs"
	Name       string      `json:"name"` // "i2c-1", "/dev/ttyUSB0"
	Address    uint16      `json:"address,omitempty"`
	Certain    bool        `json:"certain"`
	Sensor     string      `json:"sensor"` // site/room/name of the one that is configured there, "" if none is
	Kernel     string      `json:"kernel"` // the kernel's driver that has the chip, "" if none has
	Candidates []Candidate `json:"candidates"`
}

// Candidate is what may be at a place.
type Candidate struct {
	Driver string `json:"driver"`
	Title  string `json:"title"`
	Model  string `json:"model"`
	Serial string `json:"serial"`
	Note   string `json:"note"`
	Form   Form   `json:"form"` // what to try, and to add
}

// Problem is something that keeps sensors from being found.
type Problem struct {
	About   string `json:"about"` // "I²C"
	Verdict string `json:"verdict"`
	Off     bool   `json:"off"` // the interface is off, or there is none
	What    string `json:"what"`
	Fix     string `json:"fix"`
}

// scan looks what there is. Chips that are read are left alone.
func (s *Setup) scan(w http.ResponseWriter, r *http.Request) {
	s.probing.Lock()
	defer s.probing.Unlock()
	configured := s.Sensors.Configured()
	deps := s.Scan
	deps.InUse = func(name string, addr uint16) bool { return atAddress(configured, name, addr) >= 0 }
	places, err := scan.Scan(r.Context(), deps)
	f := Found{Demo: s.Demo, Places: []Place{}, Problems: []Problem{}, Errors: []string{}}
	if board := s.Machine.Model(); board != "" {
		f.Board, f.Pi = board, s.Machine.IsPi()
	}
	for _, c := range configured {
		if c.Driver.Bus == bus.I2C {
			f.Places = append(f.Places, Place{
				Kind: string(bus.I2C), Name: c.Config.Bus, Address: c.Config.Address, Certain: true, Sensor: c.Path.String(),
				Candidates: []Candidate{{Driver: c.Driver.Name, Title: c.Driver.Title, Form: Form{Driver: c.Driver.Name}}},
			})
		}
	}
	for _, p := range places {
		f.Places = append(f.Places, placeForm(p, configured))
	}
	slices.SortStableFunc(f.Places, func(a, b Place) int {
		if a.Kind == b.Kind && a.Name == b.Name {
			return int(a.Address) - int(b.Address)
		}
		return 0
	})
	f.Problems = append(f.Problems, s.problems()...)
	if err != nil {
		f.Errors = strings.Split(err.Error(), "\n")
	}
	answer.JSON(w, f)
}

// problems are the doctor's findings about what sensors are attached to.
func (s *Setup) problems() (all []Problem) {
	s.mu.Lock()
	cfg := s.cfg
	s.mu.Unlock()
	for _, f := range s.Machine.Examine(cfg) {
		about := slices.Contains([]string{"I²C", "SPI", "1-Wire", "GPIO", "serial"}, f.About)
		if about && f.Verdict != doctor.Good {
			off := strings.HasPrefix(f.What, "off") || strings.HasPrefix(f.What, "/dev/") && strings.Contains(f.What, " is not there")
			all = append(all, Problem{f.About, strings.ToLower(string(f.Verdict)), off, f.What, f.Fix})
		}
	}
	return all
}

// placeForm is a place as the page gets it.
func placeForm(p scan.Place, configured []sensors.Configured) Place {
	f := Place{Kind: string(p.Kind), Name: p.Name, Address: p.Addr, Certain: p.Certain(), Kernel: p.Kernel, Candidates: []Candidate{}}
	if i := InUse(configured, p); i >= 0 {
		f.Sensor = configured[i].Path.String()
	}
	for _, c := range p.Candidates {
		form := Form{Driver: c.Driver.Name, Options: c.Options}
		switch p.Kind {
		case bus.I2C:
			form.Bus, form.Address = p.Name, p.Addr
		case bus.SPI:
			form.Bus = p.Name
		case bus.Serial, bus.Modbus:
			form.Port = p.Name
		default:
			form.ID = c.ID
		}
		f.Candidates = append(f.Candidates, Candidate{c.Driver.Name, c.Driver.Title, c.Model, c.Serial, c.Note, form})
	}
	return f
}

// atAddress returns which sensor has an address of an I²C bus, -1 if none has.
func atAddress(configured []sensors.Configured, name string, addr uint16) int {
	return slices.IndexFunc(configured, func(c sensors.Configured) bool {
		return c.Driver.Bus == bus.I2C && c.Config.Bus == name && c.Config.Address == addr
	})
}

// InUse returns which of the sensors of a configuration is at a place, -1 if
// none is.
func InUse(configured []sensors.Configured, p scan.Place) int {
	return slices.IndexFunc(configured, func(s sensors.Configured) bool {
		if portKind(s.Driver.Bus) != portKind(p.Kind) {
			return false
		}
		switch p.Kind {
		case bus.I2C:
			return s.Config.Bus == p.Name && s.Config.Address == p.Addr
		case bus.SPI:
			return s.Config.Bus == p.Name
		case bus.Serial, bus.Modbus:
			return s.Config.Port == p.Name
		}
		return slices.ContainsFunc(p.Candidates, func(c scan.Candidate) bool {
			return c.Driver.Name == s.Driver.Name && (s.Config.ID == c.ID || s.Config.ID == "")
		})
	})
}

// Configured are the sensors of a configuration, defaults filled in, whose
// driver there is.
func Configured(known sensors.Config) (all []sensors.Configured) {
	for _, c := range known.Sensors {
		if d, ok := driver.Lookup(c.Driver); ok {
			all = append(all, sensors.Configured{Config: c, Driver: d})
		}
	}
	return all
}

// portKind is kind, but one for all that is on a serial port.
func portKind(kind bus.Kind) bus.Kind {
	if kind == bus.Modbus {
		return bus.Serial
	}
	return kind
}
