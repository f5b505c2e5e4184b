mod dtls;
mod replay;
