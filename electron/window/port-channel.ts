/** Names the message to main that carries a page's port, and the window message that hands the page its end. */
export const PORT_CHANNEL = 'hqq-studio:port'
