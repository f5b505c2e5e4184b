mod reassembly;
