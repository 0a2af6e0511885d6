using System.Diagnostics.Metrics;
using AkkaCharging.Host.Connections;
using Prometheus;

namespace AkkaCharging.Host.Metrics;

/// <summary>The connections of both listeners, and the process's limit of files.</summary>
internal static class ConnectionMetrics
{
    private const string Label = "listener";
    private const string OpenHelp = "Connections that are open.";
    private const string PlacesHelp = "Connections that may be open at a time.";
    private const string RefusedHelp = "New connections that were closed at once, because all were busy.";
    private const string DisplacedHelp = "Idle connections that were closed for new ones.";

    /// <summary>For Prometheus.</summary>
    public static void Register(CollectorRegistry registry, BoundedTransport transport)
    {
        var metrics = Prometheus.Metrics.WithCustomRegistry(registry);
        var open = metrics.CreateGauge("akkacharging_connections", OpenHelp, Label);
        var places = metrics.CreateGauge("akkacharging_connection_places", PlacesHelp, Label);
        var refused = metrics.CreateCounter("akkacharging_connections_refused_total", RefusedHelp, Label);
        var displaced = metrics.CreateCounter("akkacharging_connections_displaced_total", DisplacedHelp, Label);
        if (transport.Files.Limit is { } limit)
            metrics
                .CreateGauge("process_max_fds", "Files, sockets included, that the process may have open.")
                .Set(limit);
        registry.AddBeforeCollectCallback(() =>
        {
            foreach (var (listener, of) in transport.Listeners)
            {
                open.WithLabels(listener).Set(of.Open);
                places.WithLabels(listener).Set(of.Max);
                refused.WithLabels(listener).IncTo(of.Refused);
                displaced.WithLabels(listener).IncTo(of.Displaced);
            }
        });
    }

    /// <summary>The same for OTLP.</summary>
    public static void Open(Meter meter, BoundedTransport transport)
    {
        meter.CreateObservableGauge("akkacharging_connections", () => Of(places => places.Open), unit: null, OpenHelp);
        meter.CreateObservableGauge(
            "akkacharging_connection_places",
            () => Of(places => places.Max),
            unit: null,
            PlacesHelp
        );
        meter.CreateObservableCounter(
            "akkacharging_connections_refused",
            () => Of(places => places.Refused),
            unit: null,
            RefusedHelp
        );
        meter.CreateObservableCounter(
            "akkacharging_connections_displaced",
            () => Of(places => places.Displaced),
            unit: null,
            DisplacedHelp
        );

        IEnumerable<Measurement<long>> Of(Func<ConnectionPlaces, long> figure) =>
            transport.Listeners.Select(listener => new Measurement<long>(
                figure(listener.Places),
                new KeyValuePair<string, object?>(Label, listener.Name)
            ));
    }
}
