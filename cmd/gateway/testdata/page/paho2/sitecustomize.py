# What of paho-mqtt 2 a script notices that was written for 1: Client needs the
# version of the callbacks, and on_connect gets the properties, too. It stands in
# where version 2 is not installed: Debian has 1.6.1.
import enum

import paho.mqtt.client as mqtt

if not hasattr(mqtt, "CallbackAPIVersion"):

    class CallbackAPIVersion(enum.Enum):
        VERSION1 = 1
        VERSION2 = 2

    class Client(mqtt.Client):
        def __init__(self, callback_api_version, *args, **more):
            if callback_api_version is not CallbackAPIVersion.VERSION2:
                raise ValueError("unsupported callback API version")
            super().__init__(*args, **more)

        @property
        def on_connect(self):
            return base.on_connect.fget(self)

        @on_connect.setter
        def on_connect(self, f):
            base.on_connect.fset(self, lambda client, data, flags, reason: f(client, data, flags, reason, None))

    base = mqtt.Client
    mqtt.CallbackAPIVersion = CallbackAPIVersion
    mqtt.Client = Client
