package upstreams

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// activeMQ is ActiveMQ without its scripts: they want a folder of /etc for each
// instance. Debian leaves the MQTT client library out of its class path, and
// without that every CONNECT times out.
func activeMQ(o Options) (p plan, version string, err error) {
	java, err := program("java", "default-jre-headless")
	if err != nil {
		return p, "", err
	}
	broker, err := debianFile("/usr/share/java/activemq-broker-[0-9]*.jar", "activemq")
	if err != nil {
		return p, "", err
	}
	version = strings.TrimSuffix(strings.TrimPrefix(filepath.Base(broker), "activemq-broker-"), ".jar")
	const lib = "/usr/share/activemq/lib"
	classes := []string{lib + "/*", lib + "/optional/*"}
	for _, name := range []string{"mqtt-client", "hawtbuf", "hawtdispatch", "hawtdispatch-transport"} {
		jar, err := debianFile("/usr/share/java/"+name+".jar", "libmqtt-client-java")
		if err != nil {
			return p, "", err
		}
		classes = append(classes, jar)
	}
	xml := fmt.Sprintf(activeMQXML, o.Dir, o.Port)
	for name, content := range map[string]string{"activemq.xml": xml, "log4j.properties": activeMQLog} {
		if err := os.WriteFile(filepath.Join(o.Dir, name), []byte(content), 0o600); err != nil {
			return p, "", err
		}
	}
	return plan{path: java, dir: o.Dir, args: []string{
		"-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", // two cores are shared by many
		"-Djava.net.preferIPv4Stack=true", "-Djava.io.tmpdir=" + o.Dir,
		// To make up a name, ActiveMQ listens to everybody on a free port for a
		// while; on one that cannot be it warns, and does without.
		"-Dactivemq.idgenerator.port=-1",
		"-Dlog4j.configuration=file:" + filepath.Join(o.Dir, "log4j.properties"),
		"-cp", strings.Join(classes, ":"),
		"org.apache.activemq.console.command.ShellCommand", "start", "xbean:file:" + filepath.Join(o.Dir, "activemq.xml"),
	}}, version, nil
}

// activeMQXML is a broker with a store that is synced, and no listener but one.
const activeMQXML = `<beans xmlns="http://www.springframework.org/schema/beans"
  xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
  xsi:schemaLocation="http://www.springframework.org/schema/beans http://www.springframework.org/schema/beans/spring-beans.xsd
    http://activemq.apache.org/schema/core http://activemq.apache.org/schema/core/activemq-core.xsd">
  <broker xmlns="http://activemq.apache.org/schema/core" brokerName="upstream" dataDirectory="%[1]s" useJmx="false">
    <persistenceAdapter>
      <kahaDB directory="%[1]s/kahadb" journalMaxFileLength="16mb"/>
    </persistenceAdapter>
    <systemUsage>
      <systemUsage>
        <memoryUsage><memoryUsage limit="96 mb"/></memoryUsage>
        <storeUsage><storeUsage limit="2 gb"/></storeUsage>
        <tempUsage><tempUsage limit="256 mb"/></tempUsage>
      </systemUsage>
    </systemUsage>
    <transportConnectors>
      <transportConnector name="mqtt" uri="mqtt://127.0.0.1:%[2]d"/>
    </transportConnectors>
  </broker>
</beans>
`

const activeMQLog = `log4j.rootLogger=WARN, out
log4j.appender.out=org.apache.log4j.ConsoleAppender
log4j.appender.out.layout=org.apache.log4j.PatternLayout
log4j.appender.out.layout.ConversionPattern=%p %c{1}: %m%n
`
