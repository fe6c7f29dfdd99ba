package health

import (
	"gateway/broker"
	"gateway/broker/store"
)

// Broker gives the figures of the broker and of its store. stats is called with each
// request.
func Broker(stats func() broker.Stats) Source {
	return func() []Figure {
		s := stats()
		all := []Figure{
			gauge("gateway_mqtt_connections", "Connections that are open.", float64(s.Connections)),
			counter("gateway_mqtt_connections_total", "Connections that were opened.", float64(s.ConnectionsTotal)),
			gauge("gateway_mqtt_clients", "Clients that are connected.", float64(s.Clients)),
			gauge("gateway_mqtt_sessions", "Clients that are known, connected or not.", float64(s.Sessions)),
			gauge("gateway_mqtt_subscriptions", "Subscriptions of all clients.", float64(s.Subscriptions)),
			gauge("gateway_mqtt_retained_messages", "Retained messages.", float64(s.Retained)),
			gauge("gateway_mqtt_retained_bytes", "Bytes of retained messages.", float64(s.RetainedBytes)),
			gauge("gateway_mqtt_queued_messages", "Messages that wait for clients or are on their way to them.", float64(s.Queued)),
			gauge("gateway_mqtt_queued_bytes", "Bytes of messages that wait for clients.", float64(s.QueuedBytes)),
			counter("gateway_mqtt_received_messages_total", "Messages published by clients and by the gateway itself.", float64(s.Received)),
			counter("gateway_mqtt_sent_messages_total", "Messages sent to clients.", float64(s.Sent)),
			counter("gateway_mqtt_received_bytes_total", "Bytes that came from clients.", float64(s.BytesReceived)),
			counter("gateway_mqtt_sent_bytes_total", "Bytes sent to clients.", float64(s.BytesSent)),
			counter("gateway_mqtt_refused_logins_total", "Clients that were not let in.", float64(s.RefusedLogins)),
			counter("gateway_mqtt_not_stored_messages_total", "Messages that the store did not take.", float64(s.NotStored)),
		}
		for _, d := range []struct {
			reason string
			n      int64
		}{
			{"full", s.DroppedFull}, {"memory", s.DroppedMemory}, {"expired", s.DroppedExpired}, {"too_large", s.DroppedTooLarge},
			{"not_allowed", s.DroppedDenied}, {"unreadable", s.DroppedUnreadable}, {"not_retained", s.DroppedRetained},
		} {
			all = append(all, counter("gateway_mqtt_dropped_messages_total", "Messages that a subscriber did not get, by reason.", float64(d.n), "reason", d.reason))
		}
		for _, d := range []struct {
			reason string
			n      int64
		}{{"not_allowed", s.Refused}, {"too_large", s.RefusedTooLarge}} {
			all = append(all, counter("gateway_mqtt_refused_requests_total", "Messages and subscriptions that were refused, by reason.", float64(d.n), "reason", d.reason))
		}
		if s.Store != nil {
			all = append(all, storeFigures(*s.Store)...)
		}
		return all
	}
}

func storeFigures(s store.Stats) []Figure {
	return []Figure{
		gauge("gateway_store_failing", "1 if nothing can be written, or no message any more.", number(s.Failure != nil)),
		gauge("gateway_store_bytes", "Bytes that the files of the store take.", float64(s.Bytes)),
		gauge("gateway_store_needed_bytes", "Bytes of messages in them that are needed.", float64(s.Live)),
		gauge("gateway_store_pending_bytes", "Bytes that are not on disk yet.", float64(s.Pending)),
		gauge("gateway_store_undone_deliveries", "Deliveries to clients that are not done.", float64(s.Waiting)),
		gauge("gateway_store_damaged_parts", "Parts that could not be read at the start.", float64(s.Damaged)),
		counter("gateway_store_written_bytes_total", "Bytes written to files.", float64(s.Written)),
		counter("gateway_store_commits_total", "Writes to files.", float64(s.Commits)),
	}
}
