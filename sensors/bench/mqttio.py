"""Runs mqtt-io with a sensor module that costs as little as one can."""
import random
import runpy
import sys
import types

from mqtt_io.modules.sensor import GenericSensor


class Sensor(GenericSensor):
    def setup_module(self):
        pass

    def get_value(self, sens_conf):
        return 20 + random.random()


module = types.ModuleType("mqtt_io.modules.sensor.bench")
module.Sensor = Sensor
sys.modules[module.__name__] = module
sys.argv[0] = "mqtt_io"
runpy.run_module("mqtt_io", run_name="__main__", alter_sys=True)
