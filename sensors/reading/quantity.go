package reading

// Quantity is what a value measures. It is the key in the payload, in
// configuration, in metrics and on the page, and it fixes the unit: a
// temperature is always in °C. The names are Home Assistant's device classes
// where it has one.
type Quantity string

// The quantities the gateway knows. A payload from elsewhere may hold others;
// they travel and show without a unit.
const (
	Temperature     Quantity = "temperature"
	Humidity        Quantity = "humidity"
	Pressure        Quantity = "pressure"
	CarbonDioxide   Quantity = "carbon_dioxide"
	Illuminance     Quantity = "illuminance"
	PM25            Quantity = "pm25"
	Motion          Quantity = "motion"
	Door            Quantity = "door"
	Power           Quantity = "power"
	Energy          Quantity = "energy"
	Voltage         Quantity = "voltage"
	Current         Quantity = "current"
	CPUUsage        Quantity = "cpu_usage"
	Load            Quantity = "load"
	MemoryUsed      Quantity = "memory_used"
	MemoryAvailable Quantity = "memory_available"
	DiskUsed        Quantity = "disk_used"
	DiskFree        Quantity = "disk_free"
	Received        Quantity = "received"
	Sent            Quantity = "sent"
	Uptime          Quantity = "uptime"
)

// Info describes a Quantity to people and to other systems.
type Info struct {
	Title    string // "Temperature"
	Unit     string // "°C", as Home Assistant writes it; "" for a plain number
	Decimals int    // digits after the point worth showing
	Class    string // Home Assistant device_class, "" if it has none
	Counter  bool   // only grows, but for restarts: Home Assistant's total_increasing
	Binary   bool   // 0 or 1
}

var infos = map[Quantity]Info{
	Temperature:     {Title: "Temperature", Unit: "°C", Decimals: 1, Class: "temperature"},
	Humidity:        {Title: "Humidity", Unit: "%", Decimals: 1, Class: "humidity"},
	Pressure:        {Title: "Pressure", Unit: "hPa", Decimals: 1, Class: "atmospheric_pressure"},
	CarbonDioxide:   {Title: "CO₂", Unit: "ppm", Class: "carbon_dioxide"},
	Illuminance:     {Title: "Illuminance", Unit: "lx", Class: "illuminance"},
	PM25:            {Title: "PM2.5", Unit: "µg/m³", Decimals: 1, Class: "pm25"},
	Motion:          {Title: "Motion", Class: "motion", Binary: true},
	Door:            {Title: "Door", Class: "door", Binary: true},
	Power:           {Title: "Power", Unit: "W", Decimals: 1, Class: "power"},
	Energy:          {Title: "Energy", Unit: "kWh", Decimals: 3, Class: "energy", Counter: true},
	Voltage:         {Title: "Voltage", Unit: "V", Decimals: 2, Class: "voltage"},
	Current:         {Title: "Current", Unit: "A", Decimals: 3, Class: "current"},
	CPUUsage:        {Title: "CPU usage", Unit: "%", Decimals: 1},
	Load:            {Title: "Load average (1 min)", Decimals: 2},
	MemoryUsed:      {Title: "Memory used", Unit: "%", Decimals: 1},
	MemoryAvailable: {Title: "Memory available", Unit: "MB", Class: "data_size"},
	DiskUsed:        {Title: "Disk used", Unit: "%", Decimals: 1},
	DiskFree:        {Title: "Disk free", Unit: "GB", Decimals: 1, Class: "data_size"},
	Received:        {Title: "Network received", Unit: "MB", Decimals: 1, Class: "data_size", Counter: true},
	Sent:            {Title: "Network sent", Unit: "MB", Decimals: 1, Class: "data_size", Counter: true},
	Uptime:          {Title: "Uptime", Unit: "s", Class: "duration", Counter: true},
}

// Info returns what is known of q; ok is false for a quantity the gateway
// does not know, and Info then holds only the name as title.
func (q Quantity) Info() (info Info, ok bool) {
	info, ok = infos[q]
	if !ok {
		info.Title = string(q)
		info.Decimals = -1
	}
	return info, ok
}

// Unit returns the unit of q, "" if it has none or is not known.
func (q Quantity) Unit() string { return infos[q].Unit }
