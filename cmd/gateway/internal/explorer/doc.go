// Package explorer shows the topic tree to who looks at it, and changes it: every
// topic with its newest message, what was there before, the properties of MQTT 5,
// publishing, and clearing what is retained.
//
// # What it holds
//
// While nobody looks it holds nothing. The first one who opens the page begins a
// subscription of the whole tree, $SYS too; linger after the last one has gone it
// ends, and all is forgotten. So what was published and not retained shows from then
// on, as in every such program.
//
// Of each topic it holds the newest message and the one before, which are the
// broker's own where they are retained. Topics and the bytes of messages are
// bounded: of a message beyond them there is only a beginning, and topics beyond are
// counted. Topics that somebody has opened keep their last messages for a while.
//
// # What travels
//
// The page mirrors the tree: it gets all of it, a thousand topics in an event, and
// then what has changed, a topic once however often it did. It filters and unfolds by
// itself, so that nothing has to be asked while somebody scrolls.
//
//	topics  {"now":…,"total":…,"messages":…,"left_out":…,"more":true,
//	         "topics":[["home/kitchen/climate","{\"temperature\":21.5}",44,1732334706789,1,true,7],…],
//	         "removed":["home/old"]}
//
// A topic is [topic, beginning of the payload, bytes, when it came in ms, QoS,
// retained, how many have come]; the beginning is null if the payload is no text.
//
// # Locks
//
// tree.mu guards all that is held. Nothing else is locked while it is.
package explorer
