package discovery

// device is what a device is, in every message.
type device struct {
	Identifiers []string `json:"identifiers"`
	Name        string   `json:"name"`
	Model       string   `json:"model,omitempty"`
	Software    string   `json:"sw_version,omitempty"`
	Area        string   `json:"suggested_area,omitempty"`
	Via         string   `json:"via_device,omitempty"`
	Page        string   `json:"configuration_url,omitempty"`
}

// maker says who describes the device.
type maker struct {
	Name     string `json:"name"`
	Software string `json:"sw_version,omitempty"`
}

// component is a value, or something to press or to set. Names are written out, which
// openHAB and people read better.
type component struct {
	Platform string `json:"platform,omitempty"`
	Name     string `json:"name,omitempty"`
	UniqueID string `json:"unique_id,omitempty"`

	StateTopic   string   `json:"state_topic,omitempty"`
	Template     string   `json:"value_template,omitempty"`
	Class        string   `json:"device_class,omitempty"`
	StateClass   string   `json:"state_class,omitempty"`
	Unit         string   `json:"unit_of_measurement,omitempty"`
	Precision    *int     `json:"suggested_display_precision,omitempty"`
	ExpireAfter  int      `json:"expire_after,omitempty"`
	On           string   `json:"payload_on,omitempty"`
	Off          string   `json:"payload_off,omitempty"`
	Options      []string `json:"options,omitempty"`
	Attributes   string   `json:"json_attributes_topic,omitempty"`
	CommandTopic string   `json:"command_topic,omitempty"`
	Press        string   `json:"payload_press,omitempty"`
	Min          *float64 `json:"min,omitempty"`
	Max          *float64 `json:"max,omitempty"`
	Step         float64  `json:"step,omitempty"`
	Mode         string   `json:"mode,omitempty"`

	Availability         string `json:"availability_topic,omitempty"`
	AvailabilityTemplate string `json:"availability_template,omitempty"`
	Category             string `json:"entity_category,omitempty"`
	Enabled              *bool  `json:"enabled_by_default,omitempty"`
	QoS                  int    `json:"qos,omitempty"`

	Device *device `json:"device,omitempty"` // of a message for one component
	Origin *maker  `json:"origin,omitempty"`
}

// whole is the message for a device with all its components.
type whole struct {
	Device     device               `json:"device"`
	Origin     maker                `json:"origin"`
	Components map[string]component `json:"components"`
}
