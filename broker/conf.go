package broker

// conf is a configuration as the broker uses it. It is not changed, but replaced.
type conf struct {
	Config
	bounds []bounds // of queues: its own, and those of Queues
}

// confOf fills in what cannot be zero.
func confOf(cfg Config) *conf {
	def := Default()
	if cfg.MaxPacketSize == 0 {
		cfg.MaxPacketSize = def.MaxPacketSize
	}
	if cfg.MaxInflight == 0 {
		cfg.MaxInflight = def.MaxInflight
	}
	if cfg.ReceiveMaximum == 0 {
		cfg.ReceiveMaximum = def.ReceiveMaximum
	}
	if cfg.MaxTopicLevels == 0 {
		cfg.MaxTopicLevels = def.MaxTopicLevels
	}
	if cfg.ConnectTimeout == 0 {
		cfg.ConnectTimeout = def.ConnectTimeout
	}
	if cfg.WriteTimeout == 0 {
		cfg.WriteTimeout = def.WriteTimeout
	}
	return &conf{cfg, allBounds(&cfg)}
}

// cfg returns the configuration that holds now.
func (b *Broker) cfg() *conf { return b.conf.Load() }

// doors returns the listeners that are open, in the order of the configuration.
// The slice is nobody's to write to.
func (b *Broker) doors() []*listener {
	if all := b.listeners.Load(); all != nil {
		return *all
	}
	return nil
}
