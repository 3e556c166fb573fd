/** Gradient descent for the JVM on NVIDIA GPUs: models, optimizers and training over interchangeable devices. */
module org.talweg {
    requires com.fasterxml.jackson.databind;
    requires com.fasterxml.jackson.dataformat.yaml;
    requires de.siegmar.fastcsv;
    requires ejml.core;
    requires ejml.ddense;
    requires info.picocli;
    requires java.desktop;
    requires jcublas;
    requires jcuda;
    requires me.tongfei.progressbar;
    requires org.bytedeco.javacpp;
    requires org.slf4j;

    exports org.talweg.tensor;
    exports org.talweg.ops;
    exports org.talweg.reference;
    exports org.talweg.cpu;
    exports org.talweg.cuda;
    exports org.talweg.tape;
    exports org.talweg.nn;
    exports org.talweg.optim;
    exports org.talweg.data;
    exports org.talweg.train;
    exports org.talweg.analysis;
    exports org.talweg.analysis.plot;
    exports org.talweg.report;

    // Options are filled in by reflection, also those that a run has written down.
    opens org.talweg.cli to info.picocli;

    uses org.talweg.ops.DeviceProvider;
    provides org.talweg.ops.DeviceProvider with
        org.talweg.cuda.CudaDeviceProvider,
        org.talweg.cuda.SoftwareDeviceProvider,
        org.talweg.cpu.CpuDeviceProvider,
        org.talweg.reference.ReferenceDeviceProvider;
}
