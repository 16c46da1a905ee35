/** Lets the page ask for its port, and nothing else. Runs sandboxed, as CommonJS, with no package imported. */
import { contextBridge, ipcRenderer } from 'electron'
import { PORT_CHANNEL } from './window/port-channel.ts'

contextBridge.exposeInMainWorld('hqqStudio', {
  requestPort() {
    const { port1, port2 } = new MessageChannel()
    ipcRenderer.postMessage(PORT_CHANNEL, null, [port1])
    // A port cannot cross the bridge as a value; the page's own window can carry it.
    window.postMessage(PORT_CHANNEL, window.location.origin, [port2])
  },
})
